/** Milliseconds. */
export interface RetryPace {
  readonly first: number;
  readonly most: number;
}

/** Doubling from the first to the longest wait; between its half and its whole, so that not all processes try at once. */
export function retryDelay({ first, most }: RetryPace, failures: number): number {
  const longest = Math.min(most, first * 2 ** Math.min(failures, 10));
  return longest / 2 + (Math.random() * longest) / 2;
}
