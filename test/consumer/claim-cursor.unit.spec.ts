import { ClaimCursor } from '../../src/waiting/index.js';

// Property: a worker looks at everything once a second where that is cheap. Where it is dear, since deleted rows can't be
// purged, it takes a fiftieth of the time at most; what was committed late by some seconds is met within one all the same.

describe('the cursor of a worker', () => {
  let now: number;
  let cursor: ClaimCursor;

  beforeEach(() => {
    now = 1_000;
    cursor = new ClaimCursor(() => now);
  });

  /** One step: what of the deliveries there is, is claimed. @returns behind which number it looked; undefined: no look back was due */
  const step = ({
    takes = 0,
    upTo,
    failed = false,
  }: { takes?: number; upTo?: number; failed?: boolean } = {}) => {
    const lookedBack = cursor.lookBackIfDue();
    const { after } = cursor;
    now += lookedBack && after === 0 ? takes : 0;
    if (upTo !== undefined) cursor.moveTo(upTo);
    else if (!failed) cursor.nothingBehind();
    cursor.stepIsOver({ failed });
    return lookedBack ? after : undefined;
  };

  /** So many seconds of steps, one each second, in which the numbers go on. @returns behind which each looked */
  const run = (seconds: number, options: { takes?: number; from?: number; perSecond?: number } = {}) => {
    const { takes = 0, from = 0, perSecond = 0 } = options;
    return Array.from({ length: seconds }, (_, i) => {
      const began = now;
      const looked = step({ takes, ...(perSecond > 0 && { upTo: from + (i + 1) * perSecond }) });
      now = Math.max(now, began + 1_000);
      return looked;
    });
  };

  it('goes on where the last claim has come to', () => {
    step({ upTo: 40 });
    expect(step()).toBeUndefined();
    expect(cursor.after).toBe(40);
  });

  it('begins behind what it has passed a tenth of a second ago: publishers overtake each other', () => {
    const upTo = (from: number, to: number) => {
      for (let number = from; number <= to; number += 10, now += 10) step({ upTo: number });
    };
    upTo(10, 300);
    for (let number = 310; number <= 1_000; number += 10) {
      expect(cursor.after).toBeLessThanOrEqual(number - 100);
      expect(cursor.after).toBeGreaterThanOrEqual(number - 220);
      upTo(number, number);
    }
    now += 100;
    step();
    now += 100;
    step();
    expect(cursor.after).toBe(1_000);
  });

  it('goes back to the start each second, as long as that costs little', () => {
    expect(run(5, { takes: 20, perSecond: 100 })).toEqual([0, 0, 0, 0, 0]);
  });

  it('is at the end again when nothing was found: what an idle worker asks is not asked of all that is gone', () => {
    step({ upTo: 40 });
    now += 1_000;
    expect(step()).toBe(0);
    expect(cursor.after).toBe(40);
  });

  it('goes back to the start less often where that is dear, and within half a minute', () => {
    const looks = run(100, { takes: 400, perSecond: 100 });
    const whole = looks.flatMap((after, second) => (after === 0 && second > 0 ? [second] : []));
    expect(whole.length).toBeGreaterThanOrEqual(3);
    for (const [i, second] of whole.slice(1).entries()) expect(second - whole[i]!).toBe(20);
    const dearer = run(100, { takes: 3_000, from: 10_000, perSecond: 100 });
    expect(dearer.filter((after) => after === 0).length).toBeGreaterThanOrEqual(3);
  });

  it('does not look at everything each second where that is dear, also when it has just begun', () => {
    expect(run(20, { takes: 400, perSecond: 100 }).filter((after) => after === 0)).toHaveLength(2);
  });

  it('looks each second over what it has passed in the last ten, however dear the start is', () => {
    run(60, { takes: 400, perSecond: 100 });
    const looks = run(60, { takes: 400, from: 6_000, perSecond: 100 });
    for (const [second, after] of looks.entries()) {
      expect(after).toBeLessThanOrEqual(6_000 + 100 * (second - 10));
      if (after !== 0) expect(after).toBeGreaterThanOrEqual(6_000 + 100 * (second - 22));
    }
  });

  it('does not take one slow answer for a dear start', () => {
    step({ takes: 1 });
    now += 1_000;
    expect(step({ takes: 900, upTo: 40 })).toBe(0);
    now += 1_000;
    expect(step({ takes: 1 })).toBe(0);
  });

  it('goes on where it was when the look at everything failed', () => {
    step({ upTo: 40 });
    now += 1_000;
    step({ takes: 15_000, failed: true });
    expect(cursor.after).toBe(40);
  });

  it('goes back to what has come back, and to the start when it is told to', () => {
    step({ upTo: 40 });
    cursor.backTo(17);
    expect(cursor.after).toBe(16);
    cursor.backTo(39);
    expect(cursor.after).toBe(16);
    run(3, { takes: 1_000, from: 40, perSecond: 1 });
    cursor.startOver();
    expect(step()).toBe(0);
  });
});
