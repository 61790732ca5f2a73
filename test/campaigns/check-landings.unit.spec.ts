import { checkLandings } from '../../campaigns/checker/check-landings.js';
import type { Publish } from '../../campaigns/checker/histories.js';
import type { Rows } from '../../campaigns/checker/rows.js';
import { historiesWith, landing, payments, publish, rowsWith } from './left-behind.js';

// Property: each message that was published landed once and no other did, known by which one it is and not by how many
// there are; but for as many copies as an operator has released.

const NOTHING = { lost: [], maybeLost: [], landedTwice: [], unfounded: [] };

interface Story {
  publishes?: Record<string, Publish>;
  /** Tellings that have committed: all of them unless it says otherwise. */
  there?: string[];
  landings: Rows['landings'];
  released?: Rows['released'];
  /** How often an operator was about to release one of P-1. */
  releases?: number;
  isThrough?: boolean;
}

function find({
  publishes = { 'P-1': publish('acknowledged', 2) },
  there = Object.keys(publishes),
  landings,
  released = [],
  releases = 0,
  isThrough = true,
}: Story) {
  const histories = historiesWith({
    publishes: new Map(Object.entries(publishes)),
    releases: new Map([['P-1', releases]]),
  });
  return checkLandings(histories, rowsWith({ payments: payments(...there), landings, released }), {
    isThrough,
  });
}

it('what was published landed, and once', () => {
  expect(find({ landings: [landing('P-1#0'), landing('P-1#1')] })).toEqual(NOTHING);
});

it('one copy that is lost and another one that landed twice are found, although they are as many', () => {
  expect(find({ landings: [landing('P-1#1'), landing('P-1#1')] })).toEqual({
    ...NOTHING,
    lost: ['P-1#0: it never landed'],
    landedTwice: ['P-1#1: it landed 2 times instead of 1'],
  });
});

it('so are those of two transactions that told of one payment', () => {
  const publishes = { 'P-1@a-1': publish(), 'P-1@b-1': publish() };
  expect(find({ publishes, landings: [landing('P-1@b-1#0'), landing('P-1@b-1#0')] })).toEqual({
    ...NOTHING,
    lost: ['P-1@a-1#0: it never landed'],
    landedTwice: ['P-1@b-1#0: it landed 2 times instead of 1'],
  });
});

it('what is not there yet may still come', () => {
  expect(find({ landings: [landing('P-1#0')], isThrough: false })).toEqual({
    ...NOTHING,
    maybeLost: ['P-1#1: it never landed'],
  });
});

it.each<[string, Story]>([
  [
    'of a transaction that did not commit',
    { publishes: { 'P-1': publish('unknown') }, there: [], landings: [landing('P-1#0')] },
  ],
  ['that nobody attempted', { publishes: {}, landings: [landing('P-1#0')] }],
  [
    'that is one copy more than were published',
    { publishes: { 'P-1': publish() }, landings: [landing('P-1#0'), landing('P-1#1')] },
  ],
  [
    'under the biz-id of another payment',
    {
      publishes: { 'P-1': publish() },
      landings: [landing('P-1#0'), { ...landing('P-1#0'), payment: 'P-2' }],
    },
  ],
])('a message %s is unfounded', (_, story) => {
  expect(find(story)).toEqual({
    ...NOTHING,
    unfounded: [expect.stringContaining('nobody had published it')],
  });
});

it('two messages under one inner-msg-id are found', () => {
  expect(find({ landings: [landing('P-1#0', 'one'), landing('P-1#1', 'one')] }).unfounded).toEqual([
    'P-1#0, P-1#1: all of them landed as one',
  ]);
});

describe('a copy that was released from quarantine', () => {
  const publishes = { 'P-1': publish() };
  const twice = [landing('P-1#0', 'one'), landing('P-1#0', 'one')];
  const released = [{ payment: 'P-1', innerMsgId: 'one' }];

  it('may have landed beside the one that it is a copy of', () => {
    expect(find({ publishes, landings: twice, released, releases: 1 })).toEqual(NOTHING);
  });

  it('excuses no further one', () => {
    const landings = [...twice, landing('P-1#0', 'one')];
    expect(find({ publishes, landings, released, releases: 1 }).landedTwice).toEqual([
      'P-1#0: it landed 3 times instead of 2',
    ]);
  });

  it('excuses nothing of another message', () => {
    const others = [{ payment: 'P-1', innerMsgId: 'other' }];
    expect(find({ publishes, landings: twice, released: others, releases: 1 }).landedTwice).toHaveLength(1);
  });

  it('excuses nothing where an operator was about to, and it was not', () => {
    expect(find({ publishes, landings: twice, releases: 1 }).landedTwice).toHaveLength(1);
  });

  it('is unfounded where no operator did it', () => {
    expect(find({ publishes, landings: twice, released }).unfounded).toEqual([
      'P-1: 1 copies were released, and not by an operator',
    ]);
  });
});
