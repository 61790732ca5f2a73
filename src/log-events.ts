import type { Logger } from '@nestjs/common';
import type { IdempotentMqEvents } from './events/index.js';

/** What an operator must hear of without having subscribed to anything: one line a change, not one a failure. */
export function logEvents({ events$ }: IdempotentMqEvents, logger: Logger): void {
  const failing = new Set<string>();
  const unheard = new Set<string>();
  events$.subscribe((event) => {
    switch (event.type) {
      case 'dead-lettered':
        if (event.reason !== 'unrouted') {
          logger.error(
            `Dead letter (${event.reason}): ${event.bizId} of ${event.topic} for group ${event.group}: ${event.error}`,
          );
        } else if (!unheard.has(event.topic)) {
          unheard.add(event.topic);
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
      case 'worker-error': {
        const worker = `${event.group} of ${event.topic}`;
        if (!failing.has(worker))
          logger.warn(`The worker of ${worker} could not do its work, and keeps trying: ${event.error}`);
        failing.add(worker);
        return;
      }
      case 'acknowledged':
      case 'worker-recovered':
        if (!failing.has(`${event.group} of ${event.topic}`)) return;
        failing.delete(`${event.group} of ${event.topic}`);
        logger.log(`The worker of ${event.group} of ${event.topic} works again.`);
        return;
      default:
    }
  });
}
