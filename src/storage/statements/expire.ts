import { type Connection, read } from '../execute.js';
import type { Database } from '../tables.js';

/** What nobody has decided about for so long that nobody will. */

/** The oldest dead letters among those that died so long ago, locked, along the index on dead_at. Who requeues one goes first. */
export async function lockExpiredDeadLetters(
  { dialect, tables }: Database,
  on: Connection,
  { olderThanMs, limit }: { olderThanMs: number; limit: number },
): Promise<{ subscriptionId: number; seq: number }[]> {
  const rows = await read<{ subscription_id: number | string; seq: number | string }>(
    on,
    `SELECT subscription_id, seq FROM ${tables.dead_letter} WHERE dead_at < ${dialect.now} - ?
     ORDER BY dead_at LIMIT ${limit}${dialect.forUpdateSkipLocked}`,
    [olderThanMs * 1000],
  );
  return rows.map(({ subscription_id, seq }) => ({
    subscriptionId: Number(subscription_id),
    seq: Number(seq),
  }));
}

/**
 * Looks at the oldest copies by primary key, whose numbers rise with time, and at no others; unlocked.
 *
 * @returns those of them that have waited so long
 */
export async function findExpiredCopies(
  { dialect, tables }: Database,
  on: Connection,
  { olderThanMs, limit }: { olderThanMs: number; limit: number },
): Promise<number[]> {
  const rows = await read<{ id: number | string; expired: number | string }>(
    on,
    `SELECT id, quarantined_at < ${dialect.now} - ? AS expired FROM ${tables.quarantine} ORDER BY id LIMIT ${limit}`,
    [olderThanMs * 1000],
  );
  return rows.filter(({ expired }) => Number(expired) === 1).map(({ id }) => Number(id));
}
