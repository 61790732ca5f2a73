import { type Connection, type WriteResult, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import { deleteBySeq } from './delete-by-seq.js';
import { type Timing, dueTime } from './timing.js';

/**
 * Step 1 where the broker has a database of its own: the message waits in the business's database, written in the
 * business's transaction, until its ACK (3) has come.
 */

export interface OutboxRow {
  innerMsgId: Buffer;
  topic: string;
  bizId: Buffer;
  body: Buffer;
  headers: Buffer | null;
}

const MESSAGE_COLUMNS = 'inner_msg_id, topic, biz_id, body, headers, expires_at';

/** In the publisher's own transaction. What has a time waits apart, so that no claim steps over it. */
export async function insertOutbox(
  { dialect, tables }: Database,
  on: Connection,
  rows: readonly OutboxRow[],
  timing: Timing,
): Promise<WriteResult> {
  const due = dueTime(dialect, timing);
  const expires = timing.expiresAt === undefined ? 'NULL' : `${Math.trunc(timing.expiresAt)}`;
  const row = `(?, ?, ?, ?, ?, ${expires}${due ? `, ${due}` : ''})`;
  return write(
    on,
    `INSERT INTO ${due ? `${tables.outbox_scheduled} (${MESSAGE_COLUMNS}, due_at)` : `${tables.outbox} (${MESSAGE_COLUMNS})`}
     VALUES ${Array<string>(rows.length).fill(row).join(', ')}`,
    rows.flatMap(({ innerMsgId, topic, bizId, body, headers }) => [
      innerMsgId,
      Buffer.from(topic),
      bizId,
      body,
      headers,
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
  const table = dueTime(dialect, timing) ? tables.outbox_scheduled : tables.outbox;
  await write(
    on,
    `DELETE FROM ${table} WHERE inner_msg_id IN (${placeholders(rows.length)})`,
    rows.map(({ innerMsgId }) => innerMsgId),
  );
}

/** Messages of this topic and biz-id whose time has not come. Reads all that is scheduled. @returns how many there were */
export async function deleteOutboxScheduled(
  { dialect, tables }: Database,
  on: Connection,
  { topic, bizId }: { topic: string; bizId: Buffer },
): Promise<number> {
  const { affected } = await write(
    on,
    `DELETE FROM ${tables.outbox_scheduled} WHERE topic = ? AND biz_id = ? AND due_at > ${dialect.now}`,
    [Buffer.from(topic), bizId],
  );
  return affected;
}

export interface SendableRow {
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
    `SELECT seq, inner_msg_id, first_sent_at, sends, LENGTH(body) AS size FROM ${tables.outbox}
     WHERE available_at <= ${dialect.now} ORDER BY seq LIMIT ${limit}${dialect.forUpdateSkipLocked}`,
    [],
  );
  return rows.map((row) => ({
    seq: Number(row.seq),
    innerMsgId: row.inner_msg_id as Buffer,
    maybeSent: row.first_sent_at !== null,
    sends: Number(row.sends),
    size: Number(row.size),
  }));
}

export interface LeasedRow extends OutboxRow {
  seq: number;
  /** The inner-msg-id that was replaced by a fresh one. */
  formerId: Buffer | undefined;
  /** Microseconds since 1970 UTC. */
  expiresAt: number | undefined;
  /** How often it was claimed to be sent, this time included. */
  sends: number;
}

/** Apart from the search: bodies may be long, and a shipment has a limit in bytes. Primary key. */
export async function readLeased(
  { tables }: Database,
  on: Connection,
  seqs: readonly number[],
): Promise<LeasedRow[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT seq, former_id, ${MESSAGE_COLUMNS}, sends FROM ${tables.outbox} WHERE seq IN (${placeholders(seqs.length)}) ORDER BY seq`,
    [...seqs],
  );
  return rows.map((row) => ({
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
    `SELECT EXISTS (SELECT 1 FROM ${tables.outbox} WHERE available_at <= ${dialect.now}) AS sendable,
            EXISTS (SELECT 1 FROM ${tables.outbox_scheduled} WHERE due_at <= ${dialect.now}) AS due`,
    [],
  );
  return { sendable: Number(rows[0]?.sendable) === 1, due: Number(rows[0]?.due) === 1 };
}

/** Committed before a byte leaves: from then on the row may have been sent. */
export async function leaseOutbox(
  { dialect, tables }: Database,
  on: Connection,
  { seqs, token, leaseMs }: { seqs: readonly number[]; token: Buffer; leaseMs: number },
): Promise<void> {
  await write(
    on,
    `UPDATE ${tables.outbox} SET token = ?, available_at = ${dialect.now} + ?, sends = sends + 1,
       first_sent_at = COALESCE(first_sent_at, ${dialect.now})
     WHERE seq IN (${placeholders(seqs.length)})`,
    [token, leaseMs * 1000, ...seqs],
  );
}

/** Only for a row that was never sent. In this order: MySQL assigns from left to right. */
export async function renewInnerMsgId(
  { tables }: Database,
  on: Connection,
  { seq, innerMsgId }: { seq: number; innerMsgId: Buffer },
): Promise<void> {
  await write(
    on,
    `UPDATE ${tables.outbox} SET former_id = inner_msg_id, inner_msg_id = ? WHERE seq = ? AND first_sent_at IS NULL`,
    [innerMsgId, seq],
  );
}

/** Their ACK (3) has come. Fenced: somebody else may be sending them by now. @returns how many were still the holder's */
export async function deleteSent(
  database: Database,
  on: Connection,
  { seqs, token }: { seqs: readonly number[]; token: Buffer },
): Promise<number> {
  return deleteBySeq(database, on, database.tables.outbox, seqs, { token });
}

/** Sent again after `delayMs`, under the same inner-msg-id. Fenced: somebody else may have them by now. */
export async function postponeOutbox(
  { dialect, tables }: Database,
  on: Connection,
  { seqs, token, delayMs }: { seqs: readonly number[]; token: Buffer; delayMs: number },
): Promise<void> {
  await write(
    on,
    `UPDATE ${tables.outbox} SET available_at = ${dialect.now} + ?
     WHERE seq IN (${placeholders(seqs.length)}) AND token = ?`,
    [Math.round(delayMs * 1000), ...seqs, token],
  );
}

export interface ScheduledKey {
  dueAt: number;
  innerMsgId: Buffer;
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
    `SELECT (SELECT COUNT(*) FROM ${tables.outbox}) AS waiting,
            (SELECT COUNT(*) FROM ${tables.outbox_scheduled}) AS scheduled`,
    [],
  );
  return { waiting: Number(rows[0]?.waiting), scheduled: Number(rows[0]?.scheduled) };
}
