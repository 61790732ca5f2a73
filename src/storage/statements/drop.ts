import { type Connection, placeholders, read } from '../execute.js';
import type { Database } from '../tables.js';
import { deleteBySeq } from './delete-by-seq.js';

/** Step 6, the broker deletes the message once nobody needs it any more. */

/**
 * Which of these messages no table holds any more. One statement, without locks: two statements would miss a delivery
 * that moves between tables, and a delete inside the ACK's transaction deadlocks two last ACKs or leaves an orphan.
 * A message comes into the tables with its own commit and never comes back once it is in none, so the answer stays true.
 */
export async function findUnneeded(
  { tables: t }: Database,
  on: Connection,
  seqs: readonly number[],
): Promise<number[]> {
  const heldBySubscription = (table: string) =>
    `NOT EXISTS (SELECT 1 FROM ${t.subscription} s JOIN ${table} h ON h.subscription_id = s.id AND h.seq = m.seq
                 WHERE s.topic_id = m.topic_id)`;
  const rows = await read<{ seq: number | string }>(
    on,
    `SELECT m.seq FROM ${t.message} m
     WHERE m.seq IN (${placeholders(seqs.length)})
       AND ${heldBySubscription(t.delivery)}
       AND NOT EXISTS (SELECT 1 FROM ${t.subscription} s JOIN ${t.delivery_keyed} k
                         ON k.subscription_id = s.id AND k.ordering_key = m.ordering_key AND k.seq = m.seq
                       WHERE s.topic_id = m.topic_id)
       AND ${heldBySubscription(t.waiting)}
       AND ${heldBySubscription(t.dead_letter)}
       AND NOT EXISTS (SELECT 1 FROM ${t.dead_letter} u WHERE u.subscription_id = 0 AND u.seq = m.seq)
       AND NOT EXISTS (SELECT 1 FROM ${t.parked} p WHERE p.topic_id = m.topic_id AND p.seq = m.seq)`,
    [...seqs],
  );
  return rows.map(({ seq }) => Number(seq));
}

/** @returns how many were still there */
export async function deleteMessages(
  database: Database,
  on: Connection,
  seqs: readonly number[],
): Promise<number> {
  return deleteBySeq(database, on, database.tables.message, seqs);
}

/** The next messages in the order of their numbers: what the sweeper walks along. */
export async function messagesAfter(
  { tables }: Database,
  on: Connection,
  { after, limit }: { after: number; limit: number },
): Promise<number[]> {
  const rows = await read<{ seq: number | string }>(
    on,
    `SELECT seq FROM ${tables.message} WHERE seq > ? ORDER BY seq LIMIT ${limit}`,
    [after],
  );
  return rows.map(({ seq }) => Number(seq));
}
