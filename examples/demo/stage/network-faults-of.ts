import { n } from '../../shared/table.js';
import type { NetworkFault } from '../wire/network-faults.js';
import type { Fault } from './faults.js';
import type { Results } from './results.js';

type About = { label: string; note: string; never: string };

const ABOUT: Record<NetworkFault, About> = {
  'ack-3-lost': {
    label: 'ACK 3 lost',
    note: 'stored by the broker; its answer dropped, the connection cut',
    never: 'no ACK 3 was lost',
  },
  'ack-5-lost': {
    label: 'ACK 5 lost',
    note: 'with each repeat of it, for as long as a lease; the card was issued',
    never: 'no ACK 5 was lost',
  },
  'ack-5-answer-lost': {
    label: 'answers to ACK 5 lost',
    note: 'taken by the broker; its answer dropped, the connection cut',
    never: 'no answer to an ACK 5 was lost',
  },
  'request-cut': {
    label: 'requests cut',
    note: 'in the middle: the broker had a part of it',
    never: 'no request was cut',
  },
  'answer-cut': {
    label: 'answers cut',
    note: 'in the middle: the client had a part of it',
    never: 'no answer was cut',
  },
  delayed: { label: 'requests delayed', note: '', never: 'no request was delayed' },
  'black-hole': {
    label: 'black holes',
    note: 'accepted, and no answer until the client gave up',
    never: 'no request fell into a black hole',
  },
};

/** What the network did to requests. */
export function networkFaultsOf({ counts, late, wanted }: NonNullable<Results['network']>): Fault[] {
  return (Object.keys(ABOUT) as NetworkFault[]).map((kind) => {
    const { label, note, never } = ABOUT[kind];
    const about = kind === 'delayed' ? `${n(late)} of them until their client had given up` : note;
    return { row: [label, counts[kind], about], least: wanted, never };
  });
}
