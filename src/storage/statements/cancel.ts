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

/** The subscriptions that may have deliveries of the topic's messages. */
export async function subscriptionsOf(
  { tables }: Database,
  on: Connection,
  topicId: number,
): Promise<number[]> {
  const rows = await read<{ id: number | string }>(
    on,
    `SELECT id FROM ${tables.subscription} WHERE topic_id = ?`,
    [topicId],
  );
  return rows.map(({ id }) => Number(id));
}

/** Keeps them where they are: who moves what is due, and who claims, passes over what is locked. */
export async function lockDeliveries(
  { dialect, tables: t }: Database,
  on: Connection,
  { subscriptionId, seqs }: { subscriptionId: number; seqs: readonly number[] },
): Promise<void> {
  for (const table of [t.waiting, t.delivery]) {
    await read(
      on,
      `SELECT seq FROM ${table} WHERE subscription_id = ? AND seq IN (${placeholders(seqs.length)})${dialect.forUpdate}`,
      [subscriptionId, ...seqs],
    );
  }
}

/** Those whose time has not come in the meantime. */
export async function stillScheduled(
  { dialect, tables }: Database,
  on: Connection,
  seqs: readonly number[],
): Promise<number[]> {
  const rows = await read<{ seq: number | string }>(
    on,
    `SELECT seq FROM ${tables.message} WHERE seq IN (${placeholders(seqs.length)}) AND deliver_at > ${dialect.now}`,
    [...seqs],
  );
  return rows.map(({ seq }) => Number(seq));
}

/** @returns how many were still there: another one may have been quicker */
export async function deleteScheduled(
  database: Database,
  on: Connection,
  {
    topicId,
    subscriptionIds,
    seqs,
  }: { topicId: number; subscriptionIds: readonly number[]; seqs: readonly number[] },
): Promise<number> {
  const { tables: t } = database;
  for (const id of subscriptionIds) {
    const owner = { column: 'subscription_id', id } as const;
    await deleteBySeq(database, on, t.waiting, seqs, { owner });
    await deleteBySeq(database, on, t.delivery, seqs, { owner });
  }
  await deleteBySeq(database, on, t.parked, seqs, { owner: { column: 'topic_id', id: topicId } });
  const { affected } = await write(
    on,
    `DELETE FROM ${t.message} WHERE seq IN (${placeholders(seqs.length)})`,
    [...seqs],
  );
  return affected;
}
