import type { Publish } from '../../campaigns/checker/histories.js';
import { allTooOld, judgeForgotten, judgedWrongly } from '../../campaigns/checker/judge-forgotten.js';
import { GROUP, landing, rowsWith } from './left-behind.js';

// Property: what judges forgetting allows a second card for what landed after the retention, and for nothing else.

const RETENTION_MS = 10_000;
const US = 1_000;

/** Moments in milliseconds. */
function judge(landings: number[], cards: [at: number, landedAt: number][]) {
  const times = {
    landings: new Map([['P-1', landings.map((ms) => ms * US)]]),
    cards: new Map([
      ['P-1', new Map([[GROUP, cards.map(([at, landedAt]) => ({ at: at * US, landedAt: landedAt * US }))]])],
    ]),
  };
  const { rows, found, judged } = judgeForgotten(rowsWith(), times, { retentionMs: RETENTION_MS });
  return { ...found, cards: rows.cards.get('P-1')?.get(GROUP), judged: Object.fromEntries(judged) };
}

describe('a second card', () => {
  it.each([
    ['found, of a repeat that landed in time, however late it comes', 7_000, 1],
    ['fine, of a repeat that landed when the retention was over', 10_200, 0],
  ])('is %s', (_, landedAt, doubled) => {
    const landings = [0, 7_000, 10_200];
    const cards: [number, number][] = [
      [100, 0],
      [30_000, landedAt],
    ];
    expect(judge(landings, cards).doubled).toHaveLength(doubled);
  });

  it('is judged by the one before', () => {
    const cards: [number, number][] = [
      [100, 0],
      [10_300, 10_200],
      [12_100, 12_000],
    ];
    expect(judge([0, 10_200, 12_000], cards).doubled).toHaveLength(1);
  });

  it('is left out of the rows that others look at, and repeats are counted', () => {
    expect(
      judge(
        [0, 500, 10_200],
        [
          [100, 0],
          [10_300, 10_200],
        ],
      ),
    ).toEqual({
      doubled: [],
      cards: 1,
      judged: { 'repeats in time': 1, 'repeats that were too late': 1 },
    });
  });
});

describe('too old to judge', () => {
  const deaths = [{ seq: 1, payment: 'P-1', group: GROUP, reason: 'too-old-to-judge' }];
  const telling = (tookMs: number): Publish => ({
    copies: 1,
    outcome: 'acknowledged',
    beganAt: 0,
    acknowledgedAt: tookMs * US,
  });

  it.each([
    ['wrong where all transactions were short', [10, 20], 1],
    ['right where one was long', [10, 1_200], 0],
    ['right where nobody knows how long one was', [10, Infinity], 0],
  ])('is %s', (_, took, wrongs) => {
    const publishes = new Map(took.map((ms, i) => [`P-1@publisher-1.1-${i}`, telling(ms)]));
    expect(judgedWrongly(deaths, { publishes }, 1_000)).toHaveLength(wrongs);
  });
});

describe('a payment need not have a card', () => {
  const [one, other] = [landing('P-1@a-1#0'), landing('P-1@b-1#0')];
  const dead = ({ seq, payment }: typeof one, group = GROUP) => ({
    seq,
    payment,
    group,
    reason: 'too-old-to-judge',
  });

  it.each([
    ['where all its messages were too old', [dead(one), dead(other)], true],
    ['not where one of them was not', [dead(one)], false],
    ['not where they were so in another group', [dead(one), dead(other, 'others')], false],
    ['not where none was', [], false],
  ])('%s', (_, deaths, mayMiss) => {
    expect(allTooOld({ landings: [one, other] }, deaths)('P-1', GROUP)).toBe(mayMiss);
  });

  it('not where it has no message', () => {
    expect(allTooOld({ landings: [] }, [dead(one)])('P-1', GROUP)).toBe(false);
  });
});
