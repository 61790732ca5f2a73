import type { Row } from '../../shared/table.js';
import type { Results } from './performance.js';

/** A fault that the run needs at least one of: without it, it would pass with any library. */
export interface Fault {
  row: Row;
  /** What to say when it never happened. */
  never: string;
}

export function faultsOf(results: Results): Fault[] {
  const { tally, faults, payments } = results;
  const { cardWorkers, relays, broker } = faults;
  const fault = (label: string, count: number, note: string, never: string): Fault => ({
    row: [label, count, note],
    never,
  });
  return [
    fault(
      'published twice',
      Math.max(0, tally.published - payments),
      'same biz-id, another message',
      'no payment was published twice',
    ),
    ...(relays && broker
      ? [
          fault('ACK 3 lost', tally.acks3Dropped, 'the broker had stored it', 'no ACK 3 was lost'),
          fault(
            'ACK 5 lost',
            tally.acks5Dropped,
            'or its answer; the card was issued, or the SMS sent',
            'no ACK 5 was lost',
          ),
          fault('relays killed', relays.killed, 'kill -9 while sending', 'no relay was killed'),
          fault(
            'relays paused',
            relays.paused,
            'past the lease: the other one had sent it when it woke up',
            'no relay was paused past its lease',
          ),
          fault('broker killed', broker.killed, 'kill -9 at any time', 'the broker was not killed'),
        ]
      : []),
    fault(
      'card workers killed',
      cardWorkers.killed,
      'kill -9 while issuing a card',
      'no card worker was killed',
    ),
    fault(
      'card workers paused',
      cardWorkers.paused,
      'past the lease: others had taken over when it woke up',
      'no card worker was paused past its lease',
    ),
  ];
}
