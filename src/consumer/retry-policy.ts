import type { RetryOptions } from './consumer-options.js';

/** Who got in each other's way should not come back at the same moment. Milliseconds. */
export function contentionDelayMs(random: () => number = Math.random): number {
  return Math.round(20 + random() * 180);
}

/** What a `retryIf` must not do. */
export type RetryIfMisbehaviour = { answered: unknown } | { threw: unknown };

/**
 * A predicate that fails itself decides nothing. Nor does an answer that is no boolean: a promise, which is true whatever
 * it comes to, or the undefined of a forgotten `return`, for which the message would go to the dead letters.
 */
export function isWorthRetrying(
  error: unknown,
  { retryIf }: Pick<Required<RetryOptions>, 'retryIf'>,
  onMisbehaviour: (misbehaviour: RetryIfMisbehaviour) => void = () => undefined,
): boolean {
  try {
    const answered: unknown = retryIf(error);
    if (typeof answered === 'boolean') return answered;
    // Its rejection would be nobody's, and end the process.
    if (answered instanceof Promise) answered.catch(() => undefined);
    onMisbehaviour({ answered });
    return true;
  } catch (threw) {
    onMisbehaviour({ threw });
    return true;
  }
}
