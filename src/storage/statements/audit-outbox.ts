import { type Connection, isTrue, placeholders, read } from '../execute.js';
import type { Database } from '../tables.js';
import { keyHashOf } from './outbox.js';

/** What an audit asks of a sender's outbox. By primary keys (of `outbox_keyed`, by its unique number), without locks. */

export const AUDITED_OUTBOXES = ['outbox', 'outbox_keyed'] as const;
export type AuditedOutbox = (typeof AUDITED_OUTBOXES)[number];

export async function listOutboxIds(
  { tables }: Database,
  on: Connection,
  { table, after, limit }: { table: AuditedOutbox; after: number; limit: number },
): Promise<{ seq: number; innerMsgId: Buffer }[]> {
  const rows = await read<{ seq: number | string; inner_msg_id: Buffer }>(
    on,
    `SELECT seq, inner_msg_id FROM ${tables[table]} WHERE seq > ? ORDER BY seq LIMIT ${limit}`,
    [after],
  );
  return rows.map(({ seq, inner_msg_id }) => ({ seq: Number(seq), innerMsgId: inner_msg_id }));
}

export interface ScheduledId {
  dueAt: number;
  innerMsgId: Buffer;
}

export async function listScheduledIds(
  { tables }: Database,
  on: Connection,
  { after, limit }: { after: ScheduledId; limit: number },
): Promise<ScheduledId[]> {
  const rows = await read<{ due_at: number | string; inner_msg_id: Buffer }>(
    on,
    `SELECT due_at, inner_msg_id FROM ${tables.outbox_scheduled}
     WHERE due_at >= ? AND (due_at > ? OR inner_msg_id > ?) ORDER BY due_at, inner_msg_id LIMIT ${limit}`,
    [after.dueAt, after.dueAt, after.innerMsgId],
  );
  return rows.map(({ due_at, inner_msg_id }) => ({ dueAt: Number(due_at), innerMsgId: inner_msg_id }));
}

/**
 * Those of these ids that more than one row has. One statement, because what is due moves. Reads the outbox as a whole: for
 * few ids, which seem to be doubled.
 */
export async function findDoubledOutboxIds(
  { dialect, tables: t }: Database,
  on: Connection,
  ids: readonly Buffer[],
): Promise<{ innerMsgId: Buffer; bizId: Buffer; rows: number }[]> {
  const those = placeholders(ids.length);
  const inTable = (table: string) =>
    `SELECT inner_msg_id, biz_id FROM ${table} WHERE inner_msg_id IN (${those})`;
  // As digits, because PostgreSQL has no smallest of bytes.
  const rows = await read<{ inner_msg_id: Buffer; biz_id: string; n: number | string }>(
    on,
    `SELECT inner_msg_id, MIN(${dialect.hex('biz_id')}) AS biz_id, COUNT(*) AS n FROM (
       ${inTable(t.outbox)} UNION ALL ${inTable(t.outbox_keyed)} UNION ALL ${inTable(t.outbox_scheduled)}) u
     GROUP BY inner_msg_id HAVING COUNT(*) > 1`,
    [...ids, ...ids, ...ids],
  );
  return rows.map(({ inner_msg_id, biz_id, n }) => ({
    innerMsgId: inner_msg_id,
    bizId: Buffer.from(biz_id, 'hex'),
    rows: Number(n),
  }));
}

export interface JudgedOutboxRow {
  seq: number;
  innerMsgId: Buffer;
  bizId: Buffer;
  /** It has another length than it was written with, or stands in a line that its topic and key don't lead to. */
  torn: boolean;
  /** Certainly never sent. */
  unsent: boolean;
}

export async function judgeOutbox(
  { dialect, tables }: Database,
  on: Connection,
  { table, seqs }: { table: AuditedOutbox; seqs: readonly number[] },
): Promise<JudgedOutboxRow[]> {
  const isKeyed = table === 'outbox_keyed';
  const rows = await read<Record<string, number | string | Buffer | null>>(
    on,
    `SELECT seq, inner_msg_id, biz_id, LENGTH(${dialect.body}) <> body_bytes AS other_length, first_sent_at IS NULL AS unsent
            ${isKeyed ? ', topic, ordering_key, key_hash' : ''}
     FROM ${tables[table]} WHERE seq IN (${placeholders(seqs.length)})`,
    [...seqs],
  );
  return rows.map((row) => {
    const isOtherLine =
      isKeyed && !keyHashOf(String(row.topic), row.ordering_key as Buffer).equals(row.key_hash as Uint8Array);
    return {
      seq: Number(row.seq),
      innerMsgId: row.inner_msg_id as Buffer,
      bizId: row.biz_id as Buffer,
      torn: isTrue(row.other_length) || isOtherLine,
      unsent: isTrue(row.unsent),
    };
  });
}
