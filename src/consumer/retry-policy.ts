import type { RetryOptions } from './consumer-options.js';

/** Who got in each other's way should not come back at the same moment. Milliseconds. */
export function contentionDelayMs(random: () => number = Math.random): number {
  return Math.round(20 + random() * 180);
}

/** A predicate that fails itself decides nothing. */
export function isWorthRetrying(
  error: unknown,
  { retryIf }: Pick<Required<RetryOptions>, 'retryIf'>,
  onThrown: (error: unknown) => void = () => undefined,
): boolean {
  try {
    return retryIf(error);
  } catch (thrown) {
    onThrown(thrown);
    return true;
  }
}
