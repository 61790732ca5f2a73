import { Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common';
import { type IdempotentMqEvent, IdempotentMqEvents } from '../../../src/index.js';

/** What the library says of itself, and what the stage adds to it. */
export type StageEvent =
  | IdempotentMqEvent
  /** A payment begins, and with it the publishing of its message. */
  | { type: 'paying'; bizId: string }
  /** An instance of the broker takes connections. */
  | { type: 'listening'; port: number }
  /** ACKs of so many messages were dropped on purpose. */
  | { type: 'acks-3-dropped'; count: number }
  /** The ACK of a message whose fate it is was dropped on purpose. */
  | { type: 'ack-3-dropped'; bizId: string; innerMsgId: string }
  /** An answer to an ACK was dropped on purpose. */
  | { type: 'ack-5-answer-dropped' }
  /** An ACK was dropped on purpose, and so will be each of its repeats. */
  | { type: 'ack-5-dropped'; bizId: string }
  /** An engine's delivery is about to be given to a handler. */
  | { type: 'handed-out'; group: string; bizId: string; innerMsgId: string }
  /** Its ACK goes to the engine. */
  | { type: 'ack-5-sent'; group: string; innerMsgId: string }
  /** It did not: the delivery was somebody else's by then, or the connection broken. */
  | { type: 'ack-5-refused'; group: string; innerMsgId: string };

/** From a system to the demo that started it. */
export type Said = { ready: true } | { event: StageEvent; /** Milliseconds since 1970. */ at: number };

/** Tells the demo. */
export function report(event: StageEvent): void {
  say({ event, at: performance.timeOrigin + performance.now() });
}

function say(said: Said): void {
  if (process.connected) process.send?.(said);
}

/** Lets the demo watch a system: the library's event stream, passed on event by event. */
@Injectable()
export class Reporter implements OnApplicationBootstrap {
  constructor(@Inject(IdempotentMqEvents) events: IdempotentMqEvents) {
    events.events$.subscribe(report);
    // Whoever watched is gone, however it ended.
    process.once('disconnect', () => process.exit());
  }

  onApplicationBootstrap(): void {
    say({ ready: true });
  }
}
