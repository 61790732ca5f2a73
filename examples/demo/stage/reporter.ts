import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { type IdempotentMqEvent, IdempotentMqEvents } from '../../../src/index.js';

/** From a system to the demo that started it. */
export type Said = { ready: true } | { event: IdempotentMqEvent };

/** Lets the demo watch a system: the library's event stream, passed on event by event. */
@Injectable()
export class Reporter implements OnApplicationBootstrap {
  constructor(@Inject(IdempotentMqEvents) events: IdempotentMqEvents) {
    events.events$.subscribe((event) => this.say({ event }));
    // Whoever watched is gone, however it ended.
    process.once('disconnect', () => process.exit());
  }

  onApplicationBootstrap(): void {
    this.say({ ready: true });
  }

  private say(said: Said): void {
    if (process.connected) process.send?.(said);
  }
}
