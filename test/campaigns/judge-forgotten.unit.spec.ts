import type { Publish } from '../../campaigns/checker/histories.js';
import { judgeForgotten, judgedWrongly } from '../../campaigns/checker/judge-forgotten.js';
import type { Rows } from '../../campaigns/checker/rows.js';

// Property: what judges forgetting allows a second card for what landed after the retention, and for nothing else.

const GROUP = 'cards';
const RETENTION_MS = 10_000;
const US = 1_000;

const NO_ROWS: Rows = {
  payments: new Map(),
  cards: new Map(),
  issued: [],
  landings: new Map(),
  deaths: [],
  deadLetters: 0,
  quarantined: 0,
};

/** Moments in milliseconds. */
function judge(landings: number[], cards: [at: number, landedAt: number][]) {
  const times = {
    landings: new Map([['P-1', landings.map((ms) => ms * US)]]),
    cards: new Map([
      ['P-1', new Map([[GROUP, cards.map(([at, landedAt]) => ({ at: at * US, landedAt: landedAt * US }))]])],
    ]),
  };
  const { rows, found, judged } = judgeForgotten(NO_ROWS, times, { retentionMs: RETENTION_MS });
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
  const deaths = [{ payment: 'P-1', group: GROUP, reason: 'too-old-to-judge' }];
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
