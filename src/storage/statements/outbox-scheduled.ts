import { ALL_ROWS, type Connection, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import { messageColumns } from './outbox.js';

/** Messages of an outbox whose time has not come. */

export interface ScheduledKey {
  dueAt: number;
  innerMsgId: Buffer;
}

/**
 * Messages of this topic and biz-id whose time has not come. Reads all that is scheduled, along (due_at, inner_msg_id), and
 * locks nothing.
 *
 * @param now microseconds since 1970 UTC: not the session's clock, which the business may have set
 */
export async function findOutboxScheduled(
  { dialect, tables }: Database,
  on: Connection,
  { topic, bizId, now }: { topic: string; bizId: Buffer; now: number },
): Promise<ScheduledKey[]> {
  const rows = await read<{ due_at: number | string; key_hex: string }>(
    on,
    // As hexadecimal digits: the app's own typeCast may read bytes as text.
    `SELECT due_at, ${dialect.hex('inner_msg_id')} AS key_hex FROM ${tables.outbox_scheduled}
     WHERE due_at > ? AND topic = ? AND biz_id = ? ORDER BY due_at, inner_msg_id ${ALL_ROWS}`,
    [now, Buffer.from(topic), bizId],
  );
  return rows.map((row) => ({
    dueAt: Number(row.due_at),
    innerMsgId: Buffer.from(row.key_hex, 'hex'),
  }));
}

/**
 * In the business's own transaction, by the primary key: a condition on biz-ids would lock all that is scheduled, and the
 * gaps between. Who moves what is due is waited for, and has it then.
 *
 * @returns whether it was still there
 */
export async function deleteOutboxScheduled(
  { tables }: Database,
  on: Connection,
  { dueAt, innerMsgId }: ScheduledKey,
): Promise<boolean> {
  const { affected } = await write(
    on,
    `DELETE FROM ${tables.outbox_scheduled} WHERE due_at = ? AND inner_msg_id = ?`,
    [dueAt, innerMsgId],
  );
  return affected === 1;
}

/** Scheduled messages whose time has come, locked. Primary key (due_at, inner_msg_id): the rest is not looked at. */
export async function findDueOutbox(
  { dialect, tables }: Database,
  on: Connection,
  limit: number,
): Promise<ScheduledKey[]> {
  const rows = await read<{ due_at: number | string; inner_msg_id: Buffer }>(
    on,
    `SELECT due_at, inner_msg_id FROM ${tables.outbox_scheduled} WHERE due_at <= ${dialect.now}
     ORDER BY due_at, inner_msg_id LIMIT ${limit}${dialect.forUpdateSkipLocked}`,
    [],
  );
  return rows.map((row) => ({ dueAt: Number(row.due_at), innerMsgId: row.inner_msg_id }));
}

/** Lock by key, insert by key, delete by key. */
export async function moveDueOutbox(
  { dialect, tables }: Database,
  on: Connection,
  keys: readonly ScheduledKey[],
): Promise<void> {
  const columns = messageColumns(dialect);
  const those = keys.map(() => '(due_at = ? AND inner_msg_id = ?)').join(' OR ');
  const values = keys.flatMap(({ dueAt, innerMsgId }) => [dueAt, innerMsgId]);
  await write(
    on,
    `INSERT INTO ${tables.outbox} (${columns}, body_bytes, first_sent_at)
     SELECT ${columns}, LENGTH(${dialect.body}), first_sent_at FROM ${tables.outbox_scheduled} WHERE ${those} ORDER BY due_at, inner_msg_id`,
    values,
  );
  await write(on, `DELETE FROM ${tables.outbox_scheduled} WHERE ${those}`, values);
}
