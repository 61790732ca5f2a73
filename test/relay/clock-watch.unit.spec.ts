import { ClockWatch } from '../../src/storage/clock-watch.js';
import { freshIdsOf } from '../../src/publisher/fresh-ids.js';
import { timeOf } from '../../src/publisher/inner-msg-id.js';
import { smallestIdAt } from '../../src/broker/smallest-id.js';
import { DAY_MS, HOUR_MS, MINUTE_MS, WINDOW_MS, idAt } from './parts.js';

describe('the watch on the clock of the database', () => {
  const START_MS = Date.UTC(2026, 0, 1);
  let monotonicMs: number;
  let watch: ClockWatch;

  beforeEach(() => {
    monotonicMs = 5_000;
    watch = new ClockWatch(() => monotonicMs);
    expect(watch.jumpAt(START_MS * 1000)).toBeUndefined();
  });

  /** After so long, the clock shows so much more or less than it should. */
  const after = (passedMs: number, offMs: number, latest?: number) => {
    monotonicMs += passedMs;
    return watch.jumpAt((START_MS + monotonicMs - 5_000 + offMs) * 1000, latest);
  };

  it('sees nothing in a clock that goes as time does', () => {
    for (let day = 0; day < 30; day++) expect(after(DAY_MS, 0)).toBeUndefined();
  });

  it.each([30_000, -30_000])('takes %s ms for a clock that is set right', (ms) => {
    expect(after(MINUTE_MS, ms)).toBeUndefined();
  });

  it.each([
    ['forwards', HOUR_MS],
    ['backwards', -HOUR_MS],
  ])('sees a jump %s, and goes on to see it', (_way, ms) => {
    expect(after(30_000, ms)).toBeCloseTo(ms, -3);
    expect(after(DAY_MS, ms)).toBeCloseTo(ms, -3);
  });

  it('sees nothing any more when the clock is right again', () => {
    expect(after(30_000, HOUR_MS)).toBeDefined();
    expect(after(30_000, 0)).toBeUndefined();
  });

  it('sees a clock that runs twice as fast', () => {
    expect(after(30_000, 30_000)).toBeUndefined();
    expect(after(60_000, 90_000)).toBeCloseTo(90_000, -3);
  });

  it('takes a drift of 100 ppm for none, also after a year', () => {
    for (let day = 1; day <= 365; day++) expect(after(DAY_MS, day * DAY_MS * 1e-4)).toBeUndefined();
  });

  it('sees a clock that is behind what others have seen, from the first look on', () => {
    const fresh = new ClockWatch(() => 0);
    const latest = (START_MS + HOUR_MS) * 1000;
    expect(fresh.jumpAt(START_MS * 1000, latest)).toBe(-HOUR_MS);
    expect(fresh.jumpAt(START_MS * 1000, START_MS * 1000)).toBeUndefined();
  });
});

describe('fresh inner-msg-ids', () => {
  const nowMs = Date.UTC(2026, 0, 31);
  const floorMs = nowMs - WINDOW_MS;
  const acceptance = {
    now: nowMs * 1000,
    floor: smallestIdAt(floorMs),
    windowMs: WINDOW_MS,
    broker: Buffer.alloc(16),
    knownClaims: 0,
  };

  it.each([
    ['of this moment', nowMs, false],
    ['of an hour ago', nowMs - HOUR_MS, false],
    ['of an hour ahead', nowMs + HOUR_MS, false],
    ['of a day ahead', nowMs + DAY_MS, false],
    ['of a day and a millisecond ahead', nowMs + DAY_MS + 1, true],
    ['of half a window above the floor', floorMs + WINDOW_MS / 2, true],
    ['of a millisecond more than that', floorMs + WINDOW_MS / 2 + 1, false],
    ['of the floor', floorMs, true],
    ['of a month ago', nowMs - 30 * DAY_MS, true],
  ])('are made for one %s: %s', (_which, ms, replaced) => {
    const fresh = freshIdsOf(acceptance).insteadOf(idAt(ms));
    expect(fresh !== undefined).toBe(replaced);
    if (fresh) expect(timeOf(fresh)).toBe(nowMs);
  });

  it('are made by the window where nothing was forgotten yet', () => {
    const fresh = freshIdsOf({ ...acceptance, floor: undefined });
    expect(fresh.insteadOf(idAt(nowMs - 30 * DAY_MS))).toBeDefined();
    expect(fresh.insteadOf(idAt(nowMs - HOUR_MS))).toBeUndefined();
  });

  it('are all different', () => {
    const fresh = freshIdsOf(acceptance);
    const ids = Array.from({ length: 10_000 }, () => fresh.insteadOf(idAt(0))!.toString('hex'));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('are above a floor that was raised while the clock of the broker was a year ahead', () => {
    const floor = smallestIdAt(nowMs + 365 * DAY_MS);
    const fresh = freshIdsOf({ ...acceptance, floor }).insteadOf(idAt(nowMs))!;
    expect(fresh.compare(floor)).toBe(1);
    expect(timeOf(fresh) - timeOf(floor)).toBeGreaterThan(WINDOW_MS / 2);
  });
});
