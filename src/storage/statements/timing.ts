import type { Dialect } from '../dialect.js';

/** When messages are to be delivered, and from when on no more. All of one publish share it. */
export interface Timing {
  /** Milliseconds from now, by the database's clock. */
  delayMs?: number;
  /** Microseconds since 1970 UTC. */
  deliverAt?: number;
  /** Microseconds since 1970 UTC. */
  expiresAt?: number;
}

/**
 * By the database's clock, so that no message is early because a publisher's clock is ahead. Written out: SQLite takes
 * 32,766 parameters in a statement, which thousands of rows need for themselves.
 *
 * @returns undefined when it is to be delivered at once
 */
export function dueTime({ now }: Dialect, { delayMs, deliverAt }: Timing): string | undefined {
  if (delayMs !== undefined) return `${now} + ${Math.trunc(delayMs * 1000)}`;
  return deliverAt === undefined ? undefined : `${Math.trunc(deliverAt)}`;
}
