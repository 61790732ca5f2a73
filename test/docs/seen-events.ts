import type { INestApplicationContext } from '@nestjs/common';
import { ReplaySubject, filter, firstValueFrom, take, timeout, toArray } from 'rxjs';
import { type IdempotentMqEvent, IdempotentMqEvents } from '../../src/index.js';

/** The events of an app that startApp() did not start. */
export function eventsOf(app: INestApplicationContext) {
  const events = new ReplaySubject<IdempotentMqEvent>();
  app.get(IdempotentMqEvents).events$.subscribe(events);
  return {
    /** Resolves when so many of them have been seen since the call of eventsOf. */
    wait: (type: IdempotentMqEvent['type'], count: number) =>
      firstValueFrom(
        events.pipe(
          filter((event) => event.type === type),
          take(count),
          toArray(),
          timeout({ each: 40_000 }),
        ),
      ),
  };
}
