import type { IdempotentMqEvents } from '../../src/index.js';
import type { Line } from './history.js';

/** What faults lead to; of everything else there would be too much. */
const TOLD_OF = new Set([
  'resend-absorbed',
  'ack-missed',
  'relay-error',
  'quarantined',
  'forgotten',
  'forgetting-held',
  'outbox-restored',
  'duplicate-absorbed',
  'dead-lettered',
  'lease-lost',
  'ack-lost',
  'commit-unknown',
  'retry-scheduled',
  'given-back',
  'worker-error',
]);

export function writeEvents({ events$ }: IdempotentMqEvents, write: (line: Line) => void): void {
  events$.subscribe((event) => {
    if (!TOLD_OF.has(event.type)) return;
    const name = event.type === 'forgotten' ? `forgotten ${event.what}` : event.type;
    write({ event: name, about: JSON.stringify(event) });
  });
}
