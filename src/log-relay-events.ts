import { printable } from './errors/index.js';
import type { IdempotentMqEventOf, IdempotentMqEvents } from './events/index.js';
import { type After, LinesAMinute } from './lines-a-minute.js';
import { type LineLogger, printableLogger } from './printable-logger.js';

/** An ACK is lost now and then. One that is missed so often is not lost. */
const TOLD_FROM = 5;

const TOLD = [
  'relay-error',
  'relay-recovered',
  'refused',
  'ack-missed',
  'quarantined',
  'unrelayed',
  'outbox-restored',
  'clock-jumped',
  'forgotten',
] as const;

/** The same as {@link logEvents} for a broker in a database of its own: one line a change, and some a minute of what may concern thousands of messages. */
export function logRelayEvents(
  events: Pick<IdempotentMqEvents, 'of'>,
  unguarded: LineLogger,
  after?: After,
): void {
  const logger = printableLogger(unguarded);
  const error = (line: string) => logger.error(line);
  const refusals = new LinesAMinute(error, (topic) => `messages of ${topic} that the broker refuses`, after);
  const missed = new LinesAMinute(error, (topic) => `messages of ${topic} without an ACK`, after);
  const quarantined = new LinesAMinute(error, (topic) => `messages of ${topic} that were quarantined`, after);
  let relayFails = false;
  let clockIsWrong = false;
  let unrelayedIsTold = false;
  const log = (event: IdempotentMqEventOf<(typeof TOLD)[number]>) => {
    switch (event.type) {
      case 'relay-error':
        if (!relayFails)
          logger.warn(
            `The relay could not ${event.at === 'outbox' ? "read or change its outbox, in this app's database" : 'send to the broker'}, and keeps trying: ${event.error}`,
          );
        relayFails = true;
        return;
      case 'relay-recovered':
        relayFails = false;
        logger.log('The relay works again.');
        return;
      case 'refused':
        refusals.add(
          event.topic,
          () =>
            `The broker refuses ${printable(event.bizId)} of ${event.topic}; it stays in the outbox, and is tried again: ${event.error}`,
        );
        return;
      case 'ack-missed':
        if (event.sends < TOLD_FROM) return;
        missed.add(
          event.topic,
          () =>
            `No ACK for ${printable(event.bizId)} of ${event.topic}, sent ${event.sends} times so far; it is sent again: ${event.error}`,
        );
        return;
      case 'quarantined':
        quarantined.add(
          event.topic,
          () =>
            `Quarantined (${event.reason}): ${printable(event.bizId)} of ${event.topic}; broker.quarantine lists, releases and discards it.`,
        );
        return;
      case 'unrelayed':
        if (!unrelayedIsTold) {
          logger.warn(
            `Messages have been waiting in the outbox for ${Math.round(event.waitedMs / 1000)} s, and no relay has taken them up. Is roles.relay on in some process of this database?`,
          );
        }
        unrelayedIsTold = true;
        return;
      case 'outbox-restored':
        logger.warn(
          `The outbox has counted ${event.claims} claims, and the broker knows of ${event.knownClaims}: a backup was restored, or a copy of this database relays to the same broker. What is in the outbox keeps its inner-msg-ids, so that nothing lands twice. See docs/operations.md, Restored backups.`,
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
    }
  };
  events.of(...TOLD).subscribe({
    next: log,
    complete: () => {
      refusals.close();
      missed.close();
      quarantined.close();
    },
  });
}
