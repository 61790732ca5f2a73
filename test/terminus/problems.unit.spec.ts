import type { Status, SubscriptionStatus } from '../../src/operate/index.js';
import { problemsOfFailing, problemsOfHanging, problemsOfStatus } from '../../src/terminus/problems.js';
import { resolveHealthOptions, resolveThresholds } from '../../src/terminus/thresholds.js';

// Property: what is wrong is told with what to do, from its threshold on and not before.

const exactly = (value: number) => ({ value, precision: 'exact' }) as const;
const MINUTE_MS = 60_000;

function cards(parts: Partial<SubscriptionStatus> = {}): SubscriptionStatus {
  return {
    ...{
      topic: 'paid',
      group: 'cards',
      version: 1,
      paused: false,
      limits: { concurrency: null, perSecond: null },
    },
    ...{ ready: exactly(0), oldestReadyMs: undefined, inFlight: exactly(0), waiting: exactly(0) },
    ...{
      retrying: exactly(0),
      keyedLines: exactly(0),
      deadLetters: exactly(0),
      oldestDeadLetterMs: undefined,
    },
    ...parts,
  };
}

function status(parts: Partial<Status> = {}): Status {
  return {
    ...{
      at: new Date(),
      database: 'shop',
      schemaVersion: 1,
      notes: [],
      topics: [],
      scenarios: [],
      process: undefined,
    },
    broker: { kind: 'own-database', name: 'broker on 10.0.0.7', reachable: true },
    groups: [cards()],
    unrouted: exactly(0),
    quarantine: { waiting: exactly(0), oldestMs: undefined },
    outbox: { waiting: exactly(0), oldestMs: undefined, sent: exactly(0), scheduled: exactly(0) },
    ...parts,
  };
}

const problems = (of: Partial<Status>, thresholds = {}) =>
  problemsOfStatus({ status: status(of) }, resolveThresholds(thresholds));

describe('what is wrong with the state', () => {
  const outbox = (oldestMs: number) => ({
    outbox: { ...status().outbox, waiting: exactly(3), oldestMs },
  });
  const backlog = (oldestReadyMs: number, paused = false) => ({
    groups: [cards({ ready: exactly(12), oldestReadyMs, paused })],
  });
  const dead = (deadLetters: number, unrouted = 0) => ({
    groups: [cards({ deadLetters: exactly(deadLetters) })],
    unrouted: exactly(unrouted),
  });
  const quarantine = (count: number) => ({ quarantine: { waiting: exactly(count), oldestMs: 1 } });

  it('is nothing where all is well', () => {
    expect(problems({})).toEqual([]);
  });

  it.each([
    [
      'an outbox',
      outbox,
      5 * MINUTE_MS,
      {},
      'The oldest message in the outbox has waited for 5 min (outboxMs: 5 min; 3 waiting)',
    ],
    [
      'a backlog',
      backlog,
      5 * MINUTE_MS,
      {},
      'The oldest delivery to cards of paid has waited for 5 min (waitingMs: 5 min; 12 waiting)',
    ],
    ['a backlog, with a threshold', backlog, 1_000, { waitingMs: 1_000 }, '(waitingMs: 1 s;'],
    ['dead letters', dead, 2, { deadLetters: 2 }, 'Dead letters: 3 (deadLetters: 2), 3 of cards (paid)'],
    ['quarantine', quarantine, 0, {}, 'Messages in quarantine: 1 (quarantine: 0)'],
  ])('is %s from above its threshold on', (_, of, most, thresholds, said) => {
    expect(problems(of(most), thresholds)).toEqual([]);
    expect(problems(of(most + 1), thresholds)).toEqual([expect.stringContaining(said)]);
  });

  it('is no backlog of a group that somebody has paused', () => {
    expect(problems(backlog(60 * MINUTE_MS, true))).toEqual([]);
  });

  it('is no dead letter unless somebody asks for it, and then also one that no group had', () => {
    expect(problems(dead(1_000, 1_000))).toEqual([]);
    expect(problems(dead(0, 1), { deadLetters: 0 })).toEqual([expect.stringContaining('1 without a group')]);
  });

  it('is nothing whose threshold was taken away', () => {
    const none = { outboxMs: null, waitingMs: null, quarantine: null };
    expect(problems({ ...outbox(1e9), ...backlog(1e9), ...quarantine(1_000) }, none)).toEqual([]);
  });

  it('is a broker that is away', () => {
    const broker = { ...status().broker, reachable: false };
    expect(problems({ broker })).toEqual([expect.stringContaining("(broker on 10.0.0.7) can't be reached")]);
  });

  it('is a schema of another version', () => {
    expect(problems({ schemaVersion: 0 })).toEqual([
      expect.stringMatching(
        /^The tables in shop are of version 0, and this process works with version 1\. Run/,
      ),
    ]);
  });

  it('is a state that could not be read', () => {
    expect(problemsOfStatus({ error: new Error('no route to host') }, resolveThresholds({}))).toEqual([
      expect.stringMatching(/^The state could not be read: Error: no route to host.*Is the database there/),
    ]);
  });
});

describe('what is wrong with the loops', () => {
  const relay = { kind: 'relay', sinceTurnMs: 0, failingMs: 0, error: undefined } as const;
  const worker = { ...relay, kind: 'worker', topic: 'paid', group: 'cards' } as const;

  it('is one that hangs', () => {
    const loops = [{ ...relay, sinceTurnMs: 61_000 }, worker];
    expect(problemsOfHanging(loops, { loopMs: 61_000 })).toEqual([]);
    expect(problemsOfHanging(loops, { loopMs: 60_000 })).toEqual([
      expect.stringMatching(/^The relay has not gone round for 61 s \(loopMs: 60 s\): it hangs\. Restart/),
    ]);
    expect(problemsOfFailing(loops, { loopMs: 1 })).toEqual([]);
  });

  it('is one that fails, which no restart helps', () => {
    const loops = [relay, { ...worker, failingMs: 61_000, error: 'Error: away' }];
    expect(problemsOfFailing(loops, { loopMs: 61_000 })).toEqual([]);
    expect(problemsOfFailing(loops, { loopMs: 60_000 })).toEqual([
      'The worker of cards for paid has failed for 61 s (loopMs: 60 s), and keeps trying. Its last error: Error: away',
    ]);
    expect(problemsOfHanging(loops, { loopMs: 1 })).toEqual([]);
  });
});

describe('the options of health', () => {
  it.each([
    [{ waitingMs: -1 }, 'waitingMs'],
    [{ deadLetters: 0.5 }, 'deadLetters'],
    [{ timeoutMs: 0 }, 'timeoutMs'],
    [{ lagMs: 1 }, 'Known are outboxMs'],
  ])('%j are refused', (options, said) => {
    expect(() => resolveHealthOptions(options as object)).toThrow(said);
  });

  it.each([
    [{ waitingMS: 1 }, 'Known are outboxMs'],
    [{ cacheMs: 1 }, 'Known are outboxMs'],
    [{ loopMs: -1 }, 'loopMs'],
  ])('%j is refused as those of one look', (thresholds, said) => {
    expect(() => resolveThresholds(thresholds as object)).toThrow(said);
  });
});
