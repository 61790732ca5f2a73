import { createHash } from 'node:crypto';
import { BODY } from '../dialect.js';
import { ALL_ROWS, type Connection, type WriteResult, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import { deleteBySeq } from './delete-by-seq.js';
import { type Timing, dueTime } from './timing.js';

/**
 * Step 1 where the broker has a database of its own: the message waits in the business's database, written in the
 * business's transaction, until its ACK (3) has come.
 */

/** What has an ordering key is in a table of its own, clustered by the key: a key whose head waits must not be stepped over row by row. */
export type OutboxTable = 'outbox' | 'outbox_keyed';

export interface OutboxRow {
  innerMsgId: Buffer;
  topic: string;
  bizId: Buffer;
  body: Buffer;
  headers: Buffer | null;
  /** Messages of one topic and key land in the order in which they were published. */
  orderingKey?: Buffer | undefined;
}

const MESSAGE_COLUMNS = `inner_msg_id, topic, biz_id, ${BODY}, headers, expires_at`;

/** In the publisher's own transaction. What has a time waits apart, so that no claim steps over it. */
export async function insertOutbox(
  { dialect, tables }: Database,
  on: Connection,
  rows: readonly OutboxRow[],
  timing: Timing,
): Promise<WriteResult> {
  const due = dueTime(dialect, timing);
  const table = tableFor(rows, due);
  const expires = timing.expiresAt === undefined ? 'NULL' : `${Math.trunc(timing.expiresAt)}`;
  const more = { outbox: '', outbox_keyed: ', key_hash, ordering_key', outbox_scheduled: ', due_at' }[table];
  const row = `(?, ?, ?, ?, ?, ${expires}${{ outbox: '', outbox_keyed: ', ?, ?', outbox_scheduled: `, ${due}` }[table]})`;
  return write(
    on,
    `INSERT INTO ${tables[table]} (${MESSAGE_COLUMNS}${more}) VALUES ${Array<string>(rows.length).fill(row).join(', ')}`,
    rows.flatMap(({ innerMsgId, topic, bizId, body, headers, orderingKey }) => [
      innerMsgId,
      Buffer.from(topic),
      bizId,
      body,
      headers,
      ...(table === 'outbox_keyed' ? [keyHashOf(topic, orderingKey!), orderingKey!] : []),
    ]),
  );
}

/** Takes back what {@link insertOutbox} wrote outside of a transaction. */
export async function deleteJustInsertedOutbox(
  { dialect, tables }: Database,
  on: Connection,
  rows: readonly OutboxRow[],
  timing: Timing,
): Promise<void> {
  const table = tableFor(rows, dueTime(dialect, timing));
  await write(
    on,
    `DELETE FROM ${tables[table]} WHERE inner_msg_id IN (${placeholders(rows.length)})`,
    rows.map(({ innerMsgId }) => innerMsgId),
  );
}

/** All rows of one publish go to the same table. */
function tableFor(rows: readonly OutboxRow[], due: string | undefined) {
  if (due) return 'outbox_scheduled';
  return rows[0]?.orderingKey ? 'outbox_keyed' : 'outbox';
}

/** 16 bytes for a topic and a key of it; its length stands before the topic, so that no two pairs read the same. */
export function keyHashOf(topic: string, orderingKey: Buffer): Buffer {
  return createHash('sha256')
    .update(`${topic.length}:${topic}:`)
    .update(orderingKey)
    .digest()
    .subarray(0, 16);
}

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
  { tables }: Database,
  on: Connection,
  { topic, bizId, now }: { topic: string; bizId: Buffer; now: number },
): Promise<ScheduledKey[]> {
  const rows = await read<{ due_at: number | string; key_hex: string }>(
    on,
    // As hexadecimal digits: the app's own typeCast may read bytes as text.
    `SELECT due_at, HEX(inner_msg_id) AS key_hex FROM ${tables.outbox_scheduled}
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

export interface SendableRow {
  table: OutboxTable;
  seq: number;
  innerMsgId: Buffer;
  /** Whether it may have been sent before: then its inner-msg-id stays what it is. */
  maybeSent: boolean;
  /** How often it was claimed to be sent. */
  sends: number;
  /** Of its body, in bytes. */
  size: number;
}

/** What may be sent now, locked, in the order of the numbers. Primary key: what others have locked is passed over. */
export async function findSendable(
  { dialect, tables }: Database,
  on: Connection,
  limit: number,
): Promise<SendableRow[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT seq, inner_msg_id, first_sent_at, sends, LENGTH(${BODY}) AS size FROM ${tables.outbox}
     WHERE available_at <= ${dialect.now} ORDER BY seq LIMIT ${limit}${dialect.forUpdateSkipLocked}`,
    [],
  );
  return rows.map((row) => toSendable('outbox', row));
}

function toSendable(table: OutboxTable, row: Record<string, unknown>): SendableRow {
  return {
    table,
    seq: Number(row.seq),
    innerMsgId: row.inner_msg_id as Buffer,
    maybeSent: row.first_sent_at !== null,
    sends: Number(row.sends),
    size: Number(row.size),
  };
}

/**
 * Keys behind this one whose first message may be sent: a later one never goes before it, and a key waits as a whole while
 * it is sent, or waits to be sent again. Hops from key to key along (key_hash, seq), however many messages each has.
 */
export async function findSendableKeys(
  { dialect, tables }: Database,
  on: Connection,
  { after, limit }: { after: Buffer; limit: number },
): Promise<{ keys: Buffer[]; last: Buffer | undefined }> {
  const rows = await read<{ key_hash: Buffer; sendable: number | string }>(
    on,
    `SELECT h.key_hash, o.available_at <= ${dialect.now} AS sendable FROM (
       SELECT key_hash, MIN(seq) AS seq FROM ${tables.outbox_keyed} WHERE key_hash > ?
       GROUP BY key_hash ORDER BY key_hash LIMIT ${limit}
     ) h JOIN ${tables.outbox_keyed} o ON o.key_hash = h.key_hash AND o.seq = h.seq ORDER BY h.key_hash`,
    [after],
  );
  return {
    keys: rows.filter(({ sendable }) => Number(sendable) === 1).map(({ key_hash }) => key_hash),
    last: rows.length < limit ? undefined : rows.at(-1)?.key_hash,
  };
}

/** The first messages of each of these keys, in their order, up to the first that may not be sent yet. */
export async function findFirstOfKeys(
  { dialect, tables }: Database,
  on: Connection,
  { keys, limit }: { keys: readonly Buffer[]; limit: number },
): Promise<SendableRow[]> {
  const ofKey = `SELECT * FROM (
      SELECT key_hash, seq, inner_msg_id, first_sent_at, sends, LENGTH(${BODY}) AS size,
             available_at <= ${dialect.now} AS sendable
      FROM ${tables.outbox_keyed} WHERE key_hash = ? ORDER BY seq LIMIT ${limit}) k`;
  const rows = await read<Record<string, unknown> & { key_hash: Buffer }>(
    on,
    keys.map(() => ofKey).join(' UNION ALL '),
    [...keys],
  );
  const ended = new Set<string>();
  return rows
    .filter(({ key_hash, sendable }) => {
      const key = key_hash.toString('hex');
      if (Number(sendable) !== 1) ended.add(key);
      return !ended.has(key);
    })
    .map((row) => toSendable('outbox_keyed', row));
}

export interface LeasedRow extends OutboxRow {
  table: OutboxTable;
  seq: number;
  /** The inner-msg-id that was replaced by a fresh one. */
  formerId: Buffer | undefined;
  /** Microseconds since 1970 UTC. */
  expiresAt: number | undefined;
  /** How often it was claimed to be sent, this time included. */
  sends: number;
}

/** Rows of one of the tables. */
export interface OutboxSeqs {
  table: OutboxTable;
  seqs: readonly number[];
}

/** Apart from the search: bodies may be long, and a shipment has a limit in bytes. Primary key. */
export async function readLeased(
  { tables }: Database,
  on: Connection,
  { table, seqs }: OutboxSeqs,
): Promise<LeasedRow[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT seq, former_id, ${MESSAGE_COLUMNS}, sends${table === 'outbox_keyed' ? ', ordering_key' : ''}
     FROM ${tables[table]} WHERE seq IN (${placeholders(seqs.length)}) ORDER BY seq`,
    [...seqs],
  );
  return rows.map((row) => ({
    table,
    orderingKey: row.ordering_key as Buffer | undefined,
    seq: Number(row.seq),
    innerMsgId: row.inner_msg_id as Buffer,
    formerId: (row.former_id as Buffer | null) ?? undefined,
    topic: (row.topic as Buffer).toString('utf8'),
    bizId: row.biz_id as Buffer,
    body: row.body as Buffer,
    headers: row.headers as Buffer | null,
    expiresAt: row.expires_at === null ? undefined : Number(row.expires_at),
    sends: Number(row.sends),
  }));
}

/** Whether there is anything to send, and whether anything that waited is due: what an idle relay asks, without locking. */
export async function findOutboxWork(
  { dialect, tables }: Database,
  on: Connection,
): Promise<{ sendable: boolean; due: boolean }> {
  const rows = await read<{ sendable: number | string; due: number | string }>(
    on,
    `SELECT EXISTS (SELECT 1 FROM ${tables.outbox} WHERE available_at <= ${dialect.now})
              OR EXISTS (SELECT 1 FROM ${tables.outbox_keyed}) AS sendable,
            EXISTS (SELECT 1 FROM ${tables.outbox_scheduled} WHERE due_at <= ${dialect.now}) AS due`,
    [],
  );
  return { sendable: Number(rows[0]?.sendable) === 1, due: Number(rows[0]?.due) === 1 };
}

/** Committed before a byte leaves: from then on the row may have been sent. */
export async function leaseOutbox(
  { dialect, tables }: Database,
  on: Connection,
  { table, seqs, token, leaseMs }: OutboxSeqs & { token: Buffer; leaseMs: number },
): Promise<void> {
  await write(
    on,
    `UPDATE ${tables[table]} SET token = ?, available_at = ${dialect.now} + ?, sends = sends + 1,
       first_sent_at = COALESCE(first_sent_at, ${dialect.now})
     WHERE seq IN (${placeholders(seqs.length)})`,
    [token, leaseMs * 1000, ...seqs],
  );
}

/** Only for a row that was never sent. In this order: MySQL assigns from left to right. */
export async function renewInnerMsgId(
  { tables }: Database,
  on: Connection,
  { table, seq, innerMsgId }: Pick<SendableRow, 'table' | 'seq' | 'innerMsgId'>,
): Promise<void> {
  await write(
    on,
    `UPDATE ${tables[table]} SET former_id = inner_msg_id, inner_msg_id = ? WHERE seq = ? AND first_sent_at IS NULL`,
    [innerMsgId, seq],
  );
}

/** Their ACK (3) has come. Fenced: somebody else may be sending them by now. @returns how many were still the holder's */
export async function deleteSent(
  database: Database,
  on: Connection,
  { table, seqs, token }: OutboxSeqs & { token: Buffer },
): Promise<number> {
  return deleteBySeq(database, on, database.tables[table], seqs, { token });
}

/** Sent again after `delayMs`, under the same inner-msg-id. Fenced: somebody else may have them by now. */
export async function postponeOutbox(
  { dialect, tables }: Database,
  on: Connection,
  { table, seqs, token, delayMs }: OutboxSeqs & { token: Buffer; delayMs: number },
): Promise<void> {
  await write(
    on,
    `UPDATE ${tables[table]} SET available_at = ${dialect.now} + ?
     WHERE seq IN (${placeholders(seqs.length)}) AND token = ?`,
    [Math.round(delayMs * 1000), ...seqs, token],
  );
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
  { tables }: Database,
  on: Connection,
  keys: readonly ScheduledKey[],
): Promise<void> {
  const those = keys.map(() => '(due_at = ? AND inner_msg_id = ?)').join(' OR ');
  const values = keys.flatMap(({ dueAt, innerMsgId }) => [dueAt, innerMsgId]);
  await write(
    on,
    `INSERT INTO ${tables.outbox} (${MESSAGE_COLUMNS}, first_sent_at)
     SELECT ${MESSAGE_COLUMNS}, first_sent_at FROM ${tables.outbox_scheduled} WHERE ${those} ORDER BY due_at, inner_msg_id`,
    values,
  );
  await write(on, `DELETE FROM ${tables.outbox_scheduled} WHERE ${those}`, values);
}

/** How the broker tells this outbox from others, and how far it has come. */
export interface OutboxOrigin {
  origin: Buffer;
  /** Claims so far: a number that only a restored backup makes smaller. */
  claims: number;
}

/** Locked: one claim at a time counts itself. */
export async function lockOrigin(
  { dialect, tables }: Database,
  on: Connection,
): Promise<OutboxOrigin | undefined> {
  const rows = await read<{ origin: Buffer; claims: number | string }>(
    on,
    `SELECT origin, claims FROM ${tables.outbox_origin} WHERE id = 1${dialect.forUpdate}`,
    [],
  );
  return rows.map(({ origin, claims }) => ({ origin, claims: Number(claims) }))[0];
}

export async function findOrigin({ tables }: Database, on: Connection): Promise<Buffer | undefined> {
  const rows = await read<{ origin: Buffer }>(
    on,
    `SELECT origin FROM ${tables.outbox_origin} WHERE id = 1`,
    [],
  );
  return rows[0]?.origin;
}

export async function countClaim({ tables }: Database, on: Connection, claims: number): Promise<void> {
  await write(on, `UPDATE ${tables.outbox_origin} SET claims = ? WHERE id = 1`, [claims]);
}

/** The database's clock before a restore and after it may be two. Microseconds. */
const CLOCKS_APART = 24 * 60 * 60 * 1_000_000;

/**
 * After a backup was restored: what is there may have been sent since the backup was made, so it keeps its inner-msg-ids.
 * Not so what was scheduled for a time that has not come: it would be quarantined when its id is too old by then.
 */
export async function markAllMaybeSent({ dialect, tables }: Database, on: Connection): Promise<void> {
  const mark = `SET first_sent_at = ${dialect.now} WHERE first_sent_at IS NULL`;
  await write(on, `UPDATE ${tables.outbox} ${mark}`, []);
  await write(on, `UPDATE ${tables.outbox_keyed} ${mark}`, []);
  await write(
    on,
    `UPDATE ${tables.outbox_scheduled} ${mark} AND due_at <= ${dialect.now} + ${CLOCKS_APART}`,
    [],
  );
}

export async function countOutbox(
  { tables }: Database,
  on: Connection,
): Promise<{ waiting: number; scheduled: number }> {
  const rows = await read<{ waiting: number | string; scheduled: number | string }>(
    on,
    `SELECT (SELECT COUNT(*) FROM ${tables.outbox}) + (SELECT COUNT(*) FROM ${tables.outbox_keyed}) AS waiting,
            (SELECT COUNT(*) FROM ${tables.outbox_scheduled}) AS scheduled`,
    [],
  );
  return { waiting: Number(rows[0]?.waiting), scheduled: Number(rows[0]?.scheduled) };
}
