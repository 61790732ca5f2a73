import { type Connection, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import { deleteBySeq } from './delete-by-seq.js';

/** Taking back messages whose time has not come. */

/**
 * Goes through what waits or is parked for the topic, which is as long as its schedule, and no longer: there is no index
 * on biz-ids, which every publish would pay for.
 */
export async function findScheduled(
  { dialect, tables: t }: Database,
  on: Connection,
  { topicId, bizId }: { topicId: number; bizId: Buffer },
): Promise<number[]> {
  const scheduled = `m.biz_id = ? AND m.deliver_at > ${dialect.now}`;
  const rows = await read<{ seq: number | string }>(
    on,
    `SELECT m.seq FROM ${t.subscription} s JOIN ${t.waiting} w ON w.subscription_id = s.id
       JOIN ${t.message} m ON m.seq = w.seq WHERE s.topic_id = ? AND ${scheduled}
     UNION
     SELECT m.seq FROM ${t.parked} p JOIN ${t.message} m ON m.seq = p.seq WHERE p.topic_id = ? AND ${scheduled}`,
    [topicId, bizId, topicId, bizId],
  );
  return rows.map(({ seq }) => Number(seq));
}

/** @returns how many were still there: another one may have been quicker */
export async function deleteScheduled(
  database: Database,
  on: Connection,
  { topicId, seqs }: { topicId: number; seqs: readonly number[] },
): Promise<number> {
  const { tables: t } = database;
  const subscriptions = await read<{ id: number | string }>(
    on,
    `SELECT id FROM ${t.subscription} WHERE topic_id = ?`,
    [topicId],
  );
  for (const { id } of subscriptions) {
    const owner = { column: 'subscription_id', id: Number(id) } as const;
    await deleteBySeq(database, on, t.waiting, seqs, owner);
    await deleteBySeq(database, on, t.delivery, seqs, owner);
  }
  await deleteBySeq(database, on, t.parked, seqs, { column: 'topic_id', id: topicId });
  const { affected } = await write(
    on,
    `DELETE FROM ${t.message} WHERE seq IN (${placeholders(seqs.length)})`,
    [...seqs],
  );
  return affected;
}
