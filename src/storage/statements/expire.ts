import { type Connection, microseconds, read, write } from '../execute.js';
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
    [microseconds(olderThanMs)],
  );
  return rows.map(({ subscription_id, seq }) => ({
    subscriptionId: Number(subscription_id),
    seq: Number(seq),
  }));
}

/**
 * Looks at the oldest copies by primary key, whose numbers rise with time, and at no others; unlocked. A copy that was
 * decided about stays for as long as one that was not: it tells a repeat from a new question.
 *
 * @returns those of them that have been there for so long
 */
export async function findExpiredCopies(
  { dialect, tables }: Database,
  on: Connection,
  { olderThanMs, limit }: { olderThanMs: number; limit: number },
): Promise<{ id: number; decided: boolean }[]> {
  const rows = await read<{ id: number | string; decided: number | string; expired: number | string }>(
    on,
    `SELECT id, decision IS NOT NULL AS decided, quarantined_at < ${dialect.now} - ? AS expired FROM ${tables.quarantine} ORDER BY id LIMIT ${limit}`,
    [microseconds(olderThanMs)],
  );
  return rows
    .filter(({ expired }) => Number(expired) === 1)
    .map(({ id, decided }) => ({ id: Number(id), decided: Number(decided) === 1 }));
}

/** @returns whether it was still there */
export async function deleteCopy({ tables }: Database, on: Connection, id: number): Promise<boolean> {
  const { affected } = await write(on, `DELETE FROM ${tables.quarantine} WHERE id = ?`, [id]);
  return affected === 1;
}
