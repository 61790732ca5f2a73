import { CONSUMER_DEFAULTS } from '../../src/consumer/consumer-options.js';
import { contentionDelayMs, isWorthRetrying } from '../../src/consumer/retry-policy.js';
import { backoffMs } from '../../src/waiting/index.js';

const ALMOST_ONE = 1 - Number.EPSILON;
const { retry } = CONSUMER_DEFAULTS;

describe('the wait after a failure', () => {
  const bounds = (failures: number, policy = retry) =>
    [0, ALMOST_ONE].map((drawn) => backoffMs(failures, policy, () => drawn));

  it('doubles from 0.5 to 1 s up to 150 to 300 s, half of it drawn', () => {
    const schedule = Array.from({ length: 12 }, (_, i) => bounds(i + 1));
    expect(schedule).toEqual([
      [500, 1_000],
      [1_000, 2_000],
      [2_000, 4_000],
      [4_000, 8_000],
      [8_000, 16_000],
      [16_000, 32_000],
      [32_000, 64_000],
      [64_000, 128_000],
      [128_000, 256_000],
      [150_000, 300_000],
      [150_000, 300_000],
      [150_000, 300_000],
    ]);
  });

  it('stays at its cap after any number of failures', () => {
    expect(bounds(10_000)).toEqual([150_000, 300_000]);
  });

  it('follows the policy of the consumer', () => {
    expect(bounds(3, { ...retry, delayMs: 10, maxDelayMs: 30 })).toEqual([15, 30]);
  });

  it('lies in the middle for what is drawn in the middle', () => {
    expect(backoffMs(1, retry, () => 0.5)).toBe(750);
  });
});

describe('the wait of those who got in each other\u2019s way', () => {
  it('is drawn from 20 to 200 ms', () => {
    expect([0, ALMOST_ONE].map((drawn) => contentionDelayMs(() => drawn))).toEqual([20, 200]);
  });
});

describe('the predicate that decides what is retried', () => {
  const error = new Error('declined');

  it('is asked about the error', () => {
    const retryIf = jest.fn((cause: unknown) => cause !== error);
    expect(isWorthRetrying(error, { retryIf })).toBe(false);
    expect(isWorthRetrying(new Error('busy'), { retryIf })).toBe(true);
  });

  it('decides nothing where it throws', () => {
    const threw = new Error('a bug');
    const onMisbehaviour = jest.fn();
    const retryIf = () => {
      throw threw;
    };
    expect(isWorthRetrying(error, { retryIf }, onMisbehaviour)).toBe(true);
    expect(onMisbehaviour).toHaveBeenCalledWith({ threw });
  });

  it.each([
    ['a promise', Promise.resolve(false)],
    ['a promise that fails, which nobody waits for', Promise.reject(new Error('the lookup failed'))],
    ['undefined', undefined],
    ['a string', 'false'],
    ['null', null],
    ['a number', 0],
  ])('decides nothing where it answers with %s, and that is told', (_, answer) => {
    const onMisbehaviour = jest.fn();
    const retryIf = (() => answer) as unknown as () => boolean;
    expect(isWorthRetrying(error, { retryIf }, onMisbehaviour)).toBe(true);
    expect(onMisbehaviour).toHaveBeenCalledWith({ answered: answer });
  });
});
