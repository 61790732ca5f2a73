import { FaultCounts } from '../../campaigns/fault-counts.js';
import { oneInTen } from '../../campaigns/one-in-ten.js';
import { COMMIT_FAULTS, CommitFaults } from '../../campaigns/proxy/commit-faults.js';
import { Seeded } from '../../campaigns/seeded.js';

// Property: a fault that was to happen is missed where it did so less often, and one of a COMMIT counts when it has happened.

describe('faults that are missing', () => {
  it('are those that happened less often than they were to', () => {
    const faults = new FaultCounts();
    for (const what of ['a', 'b', 'b']) faults.want(what);
    for (const what of ['a', 'b']) faults.count(what);
    expect(faults.missing).toEqual(['b (1 of 2)']);
    faults.count('b');
    expect(faults.missing).toEqual([]);
  });

  it('are those that were only named, or told of, and never happened', () => {
    const named = new FaultCounts();
    named.want('a', 0);
    const told = FaultCounts.told([
      ['b', 0],
      ['c', 3],
    ]);
    const all = FaultCounts.sum([named, told]);
    expect(all.missing).toEqual(['a (0 of 1)', 'b (0 of 1)']);
    expect(Object.fromEntries(all.counts)).toEqual({ a: 0, b: 0, c: 3 });
  });

  it('are found in a sum where the parts had others to make up for them', () => {
    const [one, other] = [new FaultCounts(), new FaultCounts()];
    one.want('a', 2);
    other.want('a', 3);
    one.count('a', 4);
    expect(FaultCounts.sum([one, other]).missing).toEqual(['a (4 of 5)']);
  });
});

it.each([1, 4, 10, 35])('of %i turns one in ten is one at least', (turns) => {
  for (let seed = 0; seed < 50; seed++) {
    const chosen = [...oneInTen(turns, new Seeded(`${seed}`))];
    expect(chosen.length).toBeGreaterThanOrEqual(Math.max(1, Math.floor(turns / 10)));
    expect(Math.max(...chosen)).toBeLessThan(turns);
  }
});

describe('a COMMIT that is to be lost', () => {
  /** Whatever may be decided of the next COMMITs. */
  function decided(losses: CommitFaults) {
    return Array.from({ length: 200 }, () => losses.decide('publish')).filter((loss) => loss !== undefined);
  }
  const start = (ofEach: number) => {
    const losses = new CommitFaults(1, ofEach, new Seeded('losses'));
    losses.active = true;
    return losses;
  };

  it('counts when its answer was dropped, not when that was decided', () => {
    const losses = start(1);
    const [loss] = decided(losses);
    expect(losses.faults.total).toBe(0);
    loss!.happened();
    expect(losses.faults.happened(`publish ${loss!.kind}`)).toBe(1);
  });

  it('is decided so often, and again for each that came to nothing', () => {
    const losses = start(2);
    const first = decided(losses);
    expect(first).toHaveLength(2 * COMMIT_FAULTS.length);
    first[0]!.missed();
    expect(decided(losses).map(({ kind }) => kind)).toEqual([first[0]!.kind]);
  });

  it('is complete when all have happened, at each place', () => {
    const losses = start(1);
    for (const place of ['publish', 'claim', 'consume'] as const) {
      expect(losses.isComplete).toBe(false);
      for (let i = 0; i < 200; i++) losses.decide(place)?.happened();
    }
    expect(losses.isComplete).toBe(true);
  });
});
