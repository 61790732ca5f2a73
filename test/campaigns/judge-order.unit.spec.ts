import type { Attempt, Publish, Requeue } from '../../campaigns/checker/histories.js';
import { judgeOrder } from '../../campaigns/checker/judge-order.js';
import { historiesWith, rowsWith } from './left-behind.js';

// Property: what judges the order of keys finds each way in which it can be broken, and excuses what is not promised.

const GROUP = 'cards';
const ACCOUNT = 'account-1';

interface Story {
  /** By id; each is acknowledged at once unless it says otherwise. */
  payments: Record<string, Partial<Publish> & { number?: number }>;
  /** Payments in the order of their cards. */
  cards?: string[];
  attempts?: (Partial<Attempt> & { payment: string; from: number })[];
  requeues?: (Partial<Requeue> & { payment: string })[];
  deaths?: { payment: string; reason: string }[];
}

/** What a run left behind in which one group had one account. */
function judge({ payments, cards = [], attempts = [], requeues = [], deaths = [] }: Story) {
  const names = Object.keys(payments);
  const publish = { copies: 1, outcome: 'acknowledged', beganAt: 0, acknowledgedAt: Infinity } as const;
  const histories = historiesWith({
    publishes: new Map(names.map((id) => [id, { ...publish, ...payments[id] }])),
    attempts: attempts.map((attempt) => ({
      group: GROUP,
      to: attempt.from + 1,
      ended: 'done',
      aborted: false,
      ...attempt,
    })),
    requeues: requeues.map((requeue) => ({
      group: GROUP,
      attemptedAt: 0,
      acknowledgedAt: 0,
      ...requeue,
    })),
  });
  const rows = rowsWith({
    payments: new Map(names.map((id) => [id, { account: ACCOUNT, number: payments[id]!.number }])),
    issued: cards.map((payment) => ({ payment, group: GROUP })),
    deaths: deaths.map((death) => ({ seq: 1, group: GROUP, ...death })),
  });
  return judgeOrder(histories, rows, { groups: [GROUP], attempts: 4, overlap: true });
}

const NOTHING = { disordered: [], overlapped: [], unfounded: [] };
/** Both under the lock of their account. */
const LOCKED = { 'a.1': { number: 1 }, 'b.1': { number: 2 } };

describe('the order of a key is judged:', () => {
  it.each([
    ['by lock', LOCKED, 'b.1', 'a.1'],
    ['in one transaction', { 'a.1': {}, 'a.2': {} }, 'a.2', 'a.1'],
    ['by time', { 'a.1': { acknowledgedAt: 5 }, 'b.1': { beganAt: 6 } }, 'b.1', 'a.1'],
  ])('a card that comes too early %s is found', (why, payments, later, former) => {
    expect(judge({ payments, cards: [former, later] }).found).toEqual(NOTHING);
    const { found, judged } = judge({ payments, cards: [later, former] });
    expect(found).toEqual({
      ...NOTHING,
      disordered: [`${later}: a card of cards before that of ${former}, ${why}`],
    });
    expect(judged.get(why)).toBe(1);
  });

  it.each([
    ['whose publisher did not know of its COMMIT', { 'a.1': {}, 'b.1': { beganAt: 6 } }],
    ['that overlapped', { 'a.1': { acknowledgedAt: 7 }, 'b.1': { beganAt: 6 } }],
    ['of which only one took the lock', { 'a.1': { number: 1 }, 'b.1': {} }],
  ])('two transactions %s may come in either order', (_, payments) => {
    const { found, judged } = judge({ payments, cards: ['b.1', 'a.1'] });
    expect(found).toEqual(NOTHING);
    expect(judged.get('in either order')).toBe(1);
  });

  it('a handler that is called before the last call for an earlier one is found, whatever the cards say', () => {
    const attempts = [
      { payment: 'a.1', from: 1, ended: 'failed' as const },
      { payment: 'b.1', from: 3, ended: 'failed' as const },
      { payment: 'a.1', from: 5 },
      { payment: 'b.1', from: 7 },
    ];
    expect(judge({ payments: LOCKED, cards: ['a.1', 'b.1'], attempts }).found.disordered).toEqual([
      'b.1: a call in cards before the last one for a.1, by lock',
    ]);
  });

  it('what has been a dead letter may be overtaken, and overtakes nothing itself', () => {
    const attempts = [
      { payment: 'a.1', from: 1, ended: 'rejected' as const },
      { payment: 'b.1', from: 3 },
      { payment: 'a.1', from: 5 },
    ];
    const ofFormer = { payments: LOCKED, attempts, deaths: [{ payment: 'a.1', reason: 'rejected' }] };
    const { found, judged } = judge({ ...ofFormer, cards: ['b.1', 'a.1'] });
    expect(found).toEqual(NOTHING);
    expect(judged.get('overtaken dead letters')).toBe(1);
    const ofLater = { payments: LOCKED, deaths: [{ payment: 'b.1', reason: 'rejected' }] };
    expect(judge({ ...ofLater, cards: ['b.1', 'a.1'] }).found.disordered).toHaveLength(1);
  });
});

describe('a dead letter that is back in line', () => {
  const payments = { 'a.1': {}, 'b.1': {}, 'c.1': {} };
  const died = { payment: 'a.1', from: 1, ended: 'rejected' as const };
  const deaths = [{ payment: 'a.1', reason: 'rejected' }];
  const requeues = [{ payment: 'a.1', attemptedAt: 3, acknowledgedAt: 5 }];

  it('waits for what is under way, however often that is tried', () => {
    const attempts = [
      died,
      { payment: 'b.1', from: 6, ended: undefined },
      { payment: 'b.1', from: 8 },
      { payment: 'a.1', from: 10 },
    ];
    expect(judge({ payments, attempts, deaths, requeues }).found).toEqual(NOTHING);
  });

  it('may have been handled before its operator heard of it', () => {
    const attempts = [
      died,
      { payment: 'a.1', from: 4, to: 4.5 },
      { payment: 'b.1', from: 6 },
      { payment: 'c.1', from: 8 },
    ];
    expect(judge({ payments, attempts, deaths, requeues }).found).toEqual(NOTHING);
  });

  it('waits for nothing else', () => {
    const attempts = [
      died,
      { payment: 'b.1', from: 6 },
      { payment: 'c.1', from: 8 },
      { payment: 'a.1', from: 10 },
    ];
    expect(judge({ payments, attempts, deaths, requeues }).found.disordered).toEqual([
      'a.1: back in cards, and after b.1, c.1 all the same',
    ]);
  });

  it('waits for others that are back as well', () => {
    const attempts = [
      died,
      { payment: 'c.1', from: 2, ended: 'rejected' as const },
      { payment: 'b.1', from: 6 },
      { payment: 'c.1', from: 8 },
      { payment: 'a.1', from: 10 },
    ];
    const both = [...deaths, { payment: 'c.1', reason: 'rejected' }];
    expect(judge({ payments, attempts, deaths: both, requeues }).found).toEqual(NOTHING);
  });
});

describe('two handlers of one key', () => {
  const during = { payment: 'b.1', from: 3 };

  it.each([
    ['are found side by side', { to: 4 }, 1],
    ['are found where nobody knows of the end of the first', { to: Infinity }, 1],
    ['are none where the first had ended, or its process', { to: 2 }, 0],
    ['may meet where the first had been told to stop', { to: 4, aborted: true }, 0],
  ])('%s', (_, first, times) => {
    const attempts = [{ payment: 'a.1', from: 1, ...first }, during];
    const { found } = judge({ payments: LOCKED, cards: ['a.1', 'b.1'], attempts });
    const finding = 'b.1: a call in cards during one for a.1';
    expect(found.overlapped).toEqual(Array.from({ length: times }, () => finding));
  });
});

describe('a dead letter', () => {
  const failed = [1, 3, 5, 7].map((from) => ({ payment: 'a.1', from, ended: 'failed' as const }));
  const payments = { 'a.1': {} };

  it.each([
    ['was rejected', 'rejected', [{ payment: 'a.1', from: 1, ended: 'rejected' as const }]],
    ['has failed as often as it may', 'failed', failed],
  ])('is one because it %s', (_, reason, attempts) => {
    expect(judge({ payments, attempts, deaths: [{ payment: 'a.1', reason }] }).found).toEqual(NOTHING);
  });

  it.each([
    ['nobody rejected', 'rejected', failed],
    ['was not tried so often', 'failed', failed.slice(1)],
    ['has nothing of the kind to do with its handler', 'process-lost', failed],
  ])('that %s is found', (_, reason, attempts) => {
    const { found } = judge({ payments, attempts, deaths: [{ payment: 'a.1', reason }] });
    expect(found.unfounded).toEqual([`a.1: dead in cards as ${reason} after ${attempts.length} calls`]);
  });
});
