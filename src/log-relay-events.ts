import type { Logger } from '@nestjs/common';
import type { IdempotentMqEvents } from './events/index.js';

/** The same as {@link logEvents} for a broker in a database of its own: one line a change, not one a message. */
export function logRelayEvents(
  { events$ }: Pick<IdempotentMqEvents, 'events$'>,
  logger: Pick<Logger, 'log' | 'warn' | 'error'>,
): void {
  const refusals = new Set<string>();
  let relayFails = false;
  let clockIsWrong = false;
  events$.subscribe((event) => {
    switch (event.type) {
      case 'relay-error':
        if (!relayFails) logger.warn(`The relay could not send, and keeps trying: ${event.error}`);
        relayFails = true;
        return;
      case 'relay-recovered':
        relayFails = false;
        logger.log('The relay works again.');
        return;
      case 'refused':
        if (refusals.has(`${event.topic} ${event.error}`)) return;
        refusals.add(`${event.topic} ${event.error}`);
        logger.error(
          `The broker refuses ${event.bizId} of ${event.topic}; it stays in the outbox, and is tried again: ${event.error}`,
        );
        return;
      case 'quarantined':
        logger.error(
          `Quarantined (${event.reason}): ${event.bizId} of ${event.topic}; broker.quarantine lists, releases and discards it.`,
        );
        return;
      case 'outbox-restored':
        logger.warn(
          `The outbox has counted ${event.claims} claims, and the broker knows of ${event.knownClaims}: a backup was restored. What is in the outbox keeps its inner-msg-ids, so that nothing lands twice.`,
        );
        return;
      case 'clock-jumped':
        if (!clockIsWrong) {
          logger.error(
            `The broker's database clock is off by ${Math.round(event.byMs / 1000)} s: nothing is forgotten until it is right, or this process starts anew.`,
          );
        }
        clockIsWrong = true;
        return;
      case 'forgotten':
        if (event.what === 'inner-msg-ids') clockIsWrong = false;
        return;
      default:
    }
  });
}
