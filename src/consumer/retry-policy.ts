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

/** A predicate that fails itself decides nothing. */
export function isWorthRetrying(
  error: unknown,
  { retryIf }: Pick<Required<RetryOptions>, 'retryIf'>,
): boolean {
  try {
    return retryIf(error);
  } catch {
    return true;
  }
}
