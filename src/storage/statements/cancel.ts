import { ALL_ROWS, type Connection, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/**
 * Taking back messages whose time has not come. These statements run in the business's own transaction, at whatever
 * isolation level it is: a lock on a row that isn't there, or on more than was asked for, is a lock on the gaps beside it
 * at REPEATABLE READ, and whoever publishes waits there. So each names the whole key of rows that were seen before.
 */

/** Where a message that is still scheduled waits: for its time in a group, or parked, for a group. */
export interface ScheduledRow {
  seq: number;
  /** Microseconds since 1970 UTC. It never changes. */
  deliverAt: number;
  /** Undefined where it is parked. */
  waiting: WaitingKey | undefined;
}

export interface WaitingKey {
  subscriptionId: number;
  /** Microseconds since 1970 UTC. */
  dueAt: number;
  seq: number;
}

/**
 * Goes through what waits or is parked for the topic and is not due, along the primary keys, without locks. That is as
 * long as its schedule, and no longer: there is no index on biz-ids, which every publish would pay for.
 *
 * @param now microseconds since 1970 UTC: not the session's clock, which the business may have set
 */
export async function findScheduled(
  { tables: t }: Database,
  on: Connection,
  { topicId, bizId, now }: { topicId: number; bizId: Buffer; now: number },
): Promise<ScheduledRow[]> {
  const rows = await read<Record<'seq' | 'deliver_at' | 'subscription_id' | 'due_at', number | string>>(
    on,
    `SELECT w.seq, m.deliver_at, w.subscription_id, w.due_at
       FROM ${t.subscription} s JOIN ${t.waiting} w ON w.subscription_id = s.id AND w.due_at > ?
       JOIN ${t.message} m ON m.seq = w.seq WHERE s.topic_id = ? AND m.biz_id = ? AND m.deliver_at > ?
     UNION ALL
     SELECT p.seq, m.deliver_at, 0 AS subscription_id, 0 AS due_at
       FROM ${t.parked} p JOIN ${t.message} m ON m.seq = p.seq
       WHERE p.topic_id = ? AND m.biz_id = ? AND m.deliver_at > ? ${ALL_ROWS}`,
    [now, topicId, bizId, now, topicId, bizId, now],
  );
  return rows.map((row) => {
    const seq = Number(row.seq);
    const subscriptionId = Number(row.subscription_id);
    return {
      seq,
      deliverAt: Number(row.deliver_at),
      waiting: subscriptionId === 0 ? undefined : { subscriptionId, dueAt: Number(row.due_at), seq },
    };
  });
}

/**
 * Who moves what is due passes over what is locked. By the whole primary key, and not by the other unique key: who moves a
 * delivery locks the primary key first, and the two would meet crosswise.
 *
 * @returns whether it is still there
 */
export async function lockWaiting(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, dueAt, seq }: WaitingKey,
): Promise<boolean> {
  const rows = await read(
    on,
    `SELECT seq FROM ${tables.waiting} WHERE subscription_id = ? AND due_at = ? AND seq = ?${dialect.forUpdate}`,
    [subscriptionId, dueAt, seq],
  );
  return rows.length === 1;
}

/** By the whole primary key. @returns whether it is still there */
export async function lockParkedMessage(
  { dialect, tables }: Database,
  on: Connection,
  { topicId, seq }: { topicId: number; seq: number },
): Promise<boolean> {
  const rows = await read(
    on,
    `SELECT seq FROM ${tables.parked} WHERE topic_id = ? AND seq = ?${dialect.forUpdate}`,
    [topicId, seq],
  );
  return rows.length === 1;
}

/*
 * What is locked is deleted row by row, by the whole primary key. A list that is joined to the table locks no more, but
 * MariaDB refuses that in a session with sql_safe_updates.
 */

export async function deleteWaitingDelivery(
  { tables }: Database,
  on: Connection,
  { subscriptionId, dueAt, seq }: WaitingKey,
): Promise<void> {
  await write(on, `DELETE FROM ${tables.waiting} WHERE subscription_id = ? AND due_at = ? AND seq = ?`, [
    subscriptionId,
    dueAt,
    seq,
  ]);
}

export async function deleteParkedMessage(
  { tables }: Database,
  on: Connection,
  { topicId, seq }: { topicId: number; seq: number },
): Promise<void> {
  await write(on, `DELETE FROM ${tables.parked} WHERE topic_id = ? AND seq = ?`, [topicId, seq]);
}

/** @returns whether it was still there */
export async function deleteMessage({ tables }: Database, on: Connection, seq: number): Promise<boolean> {
  const { affected } = await write(on, `DELETE FROM ${tables.message} WHERE seq = ?`, [seq]);
  return affected === 1;
}
