import { changedBucket, refilled, wholeTokens } from '../../src/broker/token-bucket.js';

// Property: a rate is kept on average, whatever the database's clock does, and however often it is asked or set.

const NOW = 1_800_000_000_000_000;
const limit = { group: 'cards', concurrency: null, perSecond: 10, tokens: 0, refilledAt: NOW, now: NOW };
const after = (seconds: number) => ({ ...limit, now: NOW + seconds * 1e6 });

describe('what a rate allows', () => {
  it.each([
    ['comes in with the time', after(0.3), 3],
    ['is whole, whatever the digits of its parts', { ...after(0.1), tokens: 0.3 + 0.6 }, 1],
    ['is less than one for less than a tenth of a second', after(0.099), 0],
    ['is one second’s worth at most', after(3_600), 10],
    ['is one at least, after a while', { ...after(3_600), perSecond: 0.5 }, 1],
  ])('%s', (_what, asked, tokens) => {
    expect(wholeTokens(refilled(asked))).toBe(tokens);
  });

  it('comes in as much when it is asked a thousand times as when it is asked once', () => {
    let bucket = { tokens: 0, refilledAt: NOW };
    for (let i = 1; i <= 1_000; i++) bucket = refilled({ ...limit, ...bucket, now: NOW + i * 700 });
    expect(wholeTokens(bucket)).toBe(7);
  });

  it('stays as it is for who asked for the time before another refilled it', () => {
    const asked = { ...after(-1), tokens: 3 };
    expect(refilled(asked)).toEqual({ tokens: 3, refilledAt: NOW });
  });

  it('goes on from now when the clock was set back', () => {
    const bucket = refilled({ ...after(-3_600), tokens: 3 });
    expect(bucket).toEqual({ tokens: 3, refilledAt: NOW - 3_600e6 });
    expect(wholeTokens(refilled({ ...after(-3_599.5), ...bucket }))).toBe(8);
  });

  it('is full where there was no rate, and never more than it was where there was one', () => {
    expect(changedBucket({ ...limit, perSecond: null }, 20).tokens).toBe(20);
    expect(changedBucket(after(0.3), 20).tokens).toBeCloseTo(3);
    expect(changedBucket({ ...limit, tokens: 10 }, 2).tokens).toBe(2);
    expect(changedBucket({ ...limit, tokens: 10 }, null).tokens).toBe(0);
  });
});
