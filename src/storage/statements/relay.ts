import { type Connection, microseconds, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import { deleteBySeq } from './delete-by-seq.js';
import { messageColumns, type OutboxRow, type OutboxTable } from './outbox.js';

/** Steps 1 and 3 as a relay does them: what it finds in the outbox, leases, and deletes when the ACK has come. */

export interface SendableRow {
  table: OutboxTable;
  seq: number;
  innerMsgId: Buffer;
  /** Whether it may have been sent before: then its inner-msg-id stays what it is. */
  maybeSent: boolean;
  /** How often it was sent. */
  sends: number;
  /** Of its body, in bytes. */
  size: number;
}

/** What may be sent now, locked, in the order of the numbers. Primary key: what others have locked is passed over. */
export async function findSendable(
  { dialect, tables }: Database,
  on: Connection,
  { after, limit }: { after: number; limit: number },
): Promise<SendableRow[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT seq, inner_msg_id, first_sent_at, sends, body_bytes AS size FROM ${tables.outbox}
     WHERE seq > ? AND available_at <= ${dialect.now} ORDER BY seq LIMIT ${limit}${dialect.forUpdateSkipLocked}`,
    [after],
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
 * it is sent, or waits to be sent again. It looks at `rows` rows along (key_hash, seq), so at one key at least, and not at
 * all the messages that wait behind its first: see `findHeads` in keyed.ts.
 *
 * @returns `last`: the key that the next look begins behind; undefined at the end
 */
export async function findSendableKeys(
  { dialect, tables }: Database,
  on: Connection,
  { after, rows: most }: { after: Buffer; rows: number },
): Promise<{ keys: Buffer[]; last: Buffer | undefined }> {
  const rows = await read<{ key_hash: Buffer; sendable: number | string }>(
    on,
    `SELECT key_hash, available_at <= ${dialect.now} AS sendable FROM ${tables.outbox_keyed}
     WHERE key_hash > ? ORDER BY key_hash, seq LIMIT ${most}`,
    [after],
  );
  const firsts = rows.filter((row, i) => i === 0 || !row.key_hash.equals(rows[i - 1]!.key_hash));
  return {
    keys: firsts.filter(({ sendable }) => Number(sendable) === 1).map(({ key_hash }) => key_hash),
    last: rows.length < most ? undefined : rows.at(-1)?.key_hash,
  };
}

/** The first messages of each of these keys, in their order, up to the first that may not be sent yet. */
export async function findFirstOfKeys(
  { dialect, tables }: Database,
  on: Connection,
  { keys, limit }: { keys: readonly Buffer[]; limit: number },
): Promise<SendableRow[]> {
  const ofKey = `SELECT * FROM (
      SELECT key_hash, seq, inner_msg_id, first_sent_at, sends, body_bytes AS size,
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
  /** How often it was sent, this time included. */
  sends: number;
}

/** Rows of one of the tables. */
export interface OutboxSeqs {
  table: OutboxTable;
  seqs: readonly number[];
}

/** Apart from the search: bodies may be long, and a shipment has a limit in bytes. Primary key. */
export async function readLeased(
  { dialect, tables }: Database,
  on: Connection,
  { table, seqs }: OutboxSeqs,
): Promise<LeasedRow[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT seq, former_id, ${messageColumns(dialect)}, sends${table === 'outbox_keyed' ? ', ordering_key' : ''}
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

/** Whether there is anything to send, anything with an ordering key, anything that waited and is due: what an idle relay asks, without locking. */
export async function findOutboxWork(
  { dialect, tables }: Database,
  on: Connection,
  { after }: { after: number },
): Promise<{ sendable: boolean; keyed: boolean; due: boolean }> {
  const rows = await read<Record<'sendable' | 'keyed' | 'due', number | string>>(
    on,
    `SELECT EXISTS (SELECT 1 FROM ${tables.outbox} WHERE seq > ? AND available_at <= ${dialect.now}) AS sendable,
            EXISTS (SELECT 1 FROM ${tables.outbox_keyed}) AS keyed,
            EXISTS (SELECT 1 FROM ${tables.outbox_scheduled} WHERE due_at <= ${dialect.now}) AS due`,
    [after],
  );
  const [sendable, keyed, due] = (['sendable', 'keyed', 'due'] as const).map(
    (what) => Number(rows[0]?.[what]) === 1,
  );
  return { sendable: sendable!, keyed: keyed!, due: due! };
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
    [token, microseconds(leaseMs), ...seqs],
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
    [microseconds(delayMs), ...seqs, token],
  );
}

/** Claimed, and not sent after all: it may be sent at once, and this time doesn't count. Fenced like the others. */
export async function handBackUnsent(
  { tables }: Database,
  on: Connection,
  { table, seqs, token }: OutboxSeqs & { token: Buffer },
): Promise<void> {
  await write(
    on,
    `UPDATE ${tables[table]} SET available_at = 0, sends = sends - 1
     WHERE seq IN (${placeholders(seqs.length)}) AND token = ?`,
    [...seqs, token],
  );
}
