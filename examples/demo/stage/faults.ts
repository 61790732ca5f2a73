import type { Row } from '../../shared/table.js';
import type { Damage } from './cast.js';
import { engineFaultsOf } from './engine-faults-of.js';
import { networkFaultsOf } from './network-faults-of.js';
import type { Results } from './results.js';

/** A fault that the run needs: without it, it would pass with any library. */
export interface Fault {
  row: Row;
  /** How often it has to happen at least. */
  least: number;
  /** What to say when it never happened. */
  never: string;
}

export function faultsOf(results: Results): Fault[] {
  const { published, payments, network, apart, engine } = results;
  const repeats = Math.max(0, published - payments);
  return [
    fault('published twice', repeats, 'same biz-id, another message', 'no payment was published twice'),
    ...(network ? networkFaultsOf(network) : apart ? acksLost(results) : []),
    ...(engine ? engineFaultsOf(engine) : []),
    ...deathsOf(results),
    ...pausesOf(results),
  ];
}

function acksLost({ tally, engine }: Results): Fault[] {
  const stored = `${engine?.name ?? 'the broker'} had stored it`;
  const done = 'the card was issued, or the SMS sent';
  return [
    fault('ACK 3 lost', tally.acks3Dropped, stored, 'no ACK 3 was lost'),
    fault('ACK 5 lost', tally.acks5Dropped, engine ? done : `or its answer; ${done}`, 'no ACK 5 was lost'),
  ];
}

function deathsOf({ faults, network, engine }: Results): Fault[] {
  const { paymentSystem, relays, broker, cardWorkers } = faults;
  const deaths = (label: string, { killed, wanted }: Damage, when: string, never: string): Fault[] =>
    wanted.kills > 0
      ? [fault(`${label} killed`, killed, `kill -9 ${when}`, never, network || engine ? wanted.kills : 1)]
      : [];
  return [
    ...deaths(
      'payment system',
      paymentSystem,
      'while a payment is made',
      'the payment system was not killed',
    ),
    ...(relays ? deaths('relays', relays, 'while sending', 'no relay was killed') : []),
    ...(broker ? deaths('broker', broker, 'at any time', 'the broker was not killed') : []),
    ...deaths('card workers', cardWorkers, 'while issuing a card', 'no card worker was killed'),
  ];
}

function pausesOf({ faults: { relays, cardWorkers } }: Results): Fault[] {
  const pauses = (label: string, { paused, wanted }: Damage, note: string, never: string): Fault[] =>
    wanted.pauses > 0 ? [fault(`${label} paused`, paused, `past the lease: ${note}`, never)] : [];
  return [
    ...(relays
      ? pauses(
          'relays',
          relays,
          'the other one had sent it when it woke up',
          'no relay was paused past its lease',
        )
      : []),
    ...pauses(
      'card workers',
      cardWorkers,
      'others had taken over when it woke up',
      'no card worker was paused past its lease',
    ),
  ];
}

function fault(label: string, count: number, note: string, never: string, least = 1): Fault {
  return { row: [label, count, note], least, never };
}
