import { Ticker } from '../../src/dashboard/live/ticker.js';

// Property: the broker is looked at as long as somebody watches, never twice at a time, and the more seldom the longer it takes.

describe('looking again and again', () => {
  let looks: (() => void)[];
  let ticker: Ticker;

  beforeEach(() => {
    jest.useFakeTimers();
    looks = [];
    ticker = new Ticker(2_000, () => new Promise((resolve) => looks.push(resolve)));
  });

  afterEach(() => {
    ticker.stop();
    expect(jest.getTimerCount()).toBe(0);
    jest.useRealTimers();
  });

  const answer = async (afterMs: number) => {
    await jest.advanceTimersByTimeAsync(afterMs);
    looks.at(-1)!();
    await jest.advanceTimersByTimeAsync(0);
  };

  it('begins at once, and goes on when the interval is over', async () => {
    ticker.start();
    await answer(10);
    await jest.advanceTimersByTimeAsync(1_999);
    expect(looks).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(1);
    expect(looks).toHaveLength(2);
  });

  it('leaves a broker that takes long nine tenths of its time', async () => {
    ticker.start();
    await answer(3_000);
    await jest.advanceTimersByTimeAsync(29_000);
    expect(looks).toHaveLength(1);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(looks).toHaveLength(2);
  });

  it('ends when nobody watches, also in the middle of a look', async () => {
    ticker.start();
    ticker.stop();
    await answer(10);
    await jest.advanceTimersByTimeAsync(60_000);
    expect(looks).toHaveLength(1);
  });

  it('is one row of looks, however often people come and go', async () => {
    ticker.start();
    ticker.stop();
    ticker.start();
    expect(looks).toHaveLength(2);
    looks[0]!();
    await answer(10);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(looks).toHaveLength(3);
  });
});
