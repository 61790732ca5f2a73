/** How waits grow. */
export interface BackoffOptions {
  /** The first wait, in milliseconds. */
  delayMs: number;
  /** The longest wait, in milliseconds. */
  maxDelayMs: number;
}

/**
 * How long to wait after so many failures, in milliseconds: `delayMs` doubling with each failure up to `maxDelayMs`, of
 * which one half is kept and the other drawn at random ("equal jitter"), so that what failed together doesn't come back
 * together. With the defaults of consumers: 0.5 to 1 s, 1 to 2 s, 2 to 4 s, … 150 to 300 s.
 */
export function backoffMs(
  failures: number,
  { delayMs, maxDelayMs }: BackoffOptions,
  random: () => number = Math.random,
): number {
  const full = Math.min(maxDelayMs, delayMs * 2 ** Math.min(failures - 1, 40));
  return Math.round(full / 2 + (random() * full) / 2);
}
