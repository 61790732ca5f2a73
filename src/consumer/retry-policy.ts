import type { RetryOptions } from './consumer-options.js';

/**
 * How long to wait after so many failures, in milliseconds: `delayMs` doubling with each failure up to `maxDelayMs`, of
 * which one half is kept and the other drawn at random ("equal jitter"), so that what failed together doesn't come back
 * together. With the defaults: 0.5 to 1 s, 1 to 2 s, 2 to 4 s, … 150 to 300 s.
 */
export function backoffMs(
  failures: number,
  { delayMs, maxDelayMs }: Pick<Required<RetryOptions>, 'delayMs' | 'maxDelayMs'>,
  random: () => number = Math.random,
): number {
  const full = Math.min(maxDelayMs, delayMs * 2 ** Math.min(failures - 1, 40));
  return Math.round(full / 2 + (random() * full) / 2);
}

/** Who got in each other's way should not come back at the same moment. Milliseconds. */
export function contentionDelayMs(random: () => number = Math.random): number {
  return Math.round(20 + random() * 180);
}

/**
 * A predicate that fails itself decides nothing. Nor does an answer that is no boolean: a promise, which is true whatever
 * it comes to, or the undefined of a forgotten `return`, for which the message would go to the dead letters.
 */
export function isWorthRetrying(
  error: unknown,
  { retryIf }: Pick<Required<RetryOptions>, 'retryIf'>,
  onNoBoolean: (answer: unknown) => void = () => undefined,
): boolean {
  try {
    const answer: unknown = retryIf(error);
    if (typeof answer === 'boolean') return answer;
    // Its rejection would be nobody's, and end the process.
    if (answer instanceof Promise) answer.catch(() => undefined);
    onNoBoolean(answer);
    return true;
  } catch {
    return true;
  }
}
