import type { Logger } from '@nestjs/common';
import type { IdempotentMqEvent, IdempotentMqEvents } from './events/index.js';

type Of<T extends IdempotentMqEvent['type']> = Extract<IdempotentMqEvent, { type: T }>;

/** What an operator must hear of without having subscribed to anything: one line a change, not one a failure. */
export function logEvents({ events$ }: IdempotentMqEvents, logger: Logger): void {
  const failing = new Set<string>();
  const unheard = new Set<string>();
  const parking = new Set<string>();
  const refusing = new Set<string>();
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
        if (!isNew(refusing, `${event.topic} ${event.error}`)) return;
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
        clockIsWrong = false;
        return;
      case 'consuming':
        logger.log(`Consuming: ${event.handler}`);
        return;
      case 'parked':
        if (!isNew(parking, event.topic)) return;
        logger.warn(
          `${event.topic} has no group yet: its messages are kept for one (parked). ` +
            "Is its consumer's class in the providers of a module, in some process with roles.consume on?",
        );
        return;
      case 'retry-scheduled':
        if (event.failures === 1 && !event.requested) logger.warn(firstFailure(event));
        return;
      case 'dead-lettered':
        if (event.reason !== 'unrouted') {
          logger.error(deadLetter(event));
        } else if (isNew(unheard, event.topic)) {
          logger.error(
            `Dead letters (unrouted) of ${event.topic}, beginning with ${event.bizId}: ${event.error}`,
          );
        }
        return;
      case 'message-missing':
        logger.error(
          `Message ${event.seq} was deleted by hand, so its delivery to subscription ${event.subscriptionId} was dropped.`,
        );
        return;
      case 'group-removed':
        logger.log(
          `Removed: group ${event.group} of ${event.topic}, with ${event.deliveries} deliveries and ${event.deadLetters} dead letters.`,
        );
        return;
      case 'worker-error': {
        const worker = `${event.group} of ${event.topic}`;
        if (isNew(failing, worker)) {
          logger.warn(`The worker of ${worker} could not do its work, and keeps trying: ${event.error}`);
        }
        return;
      }
      case 'acknowledged':
      case 'worker-recovered':
        if (!failing.delete(`${event.group} of ${event.topic}`)) return;
        logger.log(`The worker of ${event.group} of ${event.topic} works again.`);
        return;
      default:
    }
  });
}

function isNew(known: Set<string>, name: string): boolean {
  const isNew = !known.has(name);
  known.add(name);
  return isNew;
}

/** The failures that follow are told by the dead letter, or not at all: then it has succeeded. */
function firstFailure({ handler, bizId, attempts, delayMs, stack }: Of<'retry-scheduled'>): string {
  const seconds = (delayMs / 1000).toFixed(delayMs < 10_000 ? 1 : 0);
  return `${handler} failed for ${bizId}, attempt 1 of ${attempts}, again in ${seconds} s: ${stack}`;
}

function deadLetter({ reason, handler, bizId, topic, group, error, stack }: Of<'dead-lettered'>): string {
  const whose = handler ?? `group ${group}, topic ${topic}`;
  const why = reason === 'process-lost' ? error : (stack ?? error);
  return `Dead letter (${reason}): ${bizId} for ${whose}; broker.deadLetters lists and requeues it: ${why}`;
}
