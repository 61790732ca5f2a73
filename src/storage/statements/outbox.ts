import { createHash } from 'node:crypto';
import type { Dialect } from '../dialect.js';
import { type Connection, type WriteResult, placeholders, read, write } from '../execute.js';
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

export const messageColumns = ({ body }: Dialect): string =>
  `inner_msg_id, topic, biz_id, ${body}, headers, expires_at`;

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
  const more = {
    outbox: ', body_bytes',
    outbox_keyed: ', body_bytes, key_hash, ordering_key',
    outbox_scheduled: ', due_at',
  }[table];
  const row = `(?, ?, ?, ?, ?, ${expires}${{ outbox: ', ?', outbox_keyed: ', ?, ?, ?', outbox_scheduled: `, ${due}` }[table]})`;
  return write(
    on,
    `INSERT INTO ${tables[table]} (${messageColumns(dialect)}${more}) VALUES ${Array<string>(rows.length).fill(row).join(', ')}`,
    rows.flatMap(({ innerMsgId, topic, bizId, body, headers, orderingKey }) => [
      innerMsgId,
      Buffer.from(topic),
      bizId,
      body,
      headers,
      ...(table === 'outbox_scheduled' ? [] : [body.length]),
      ...(table === 'outbox_keyed' ? [keyHashOf(topic, orderingKey!), orderingKey!] : []),
    ]),
  );
}

/**
 * Takes back what {@link insertOutbox} wrote outside of a transaction. It looks without locking, and deletes by key: a
 * condition on ids would wait for what other publishers have not committed.
 *
 * @returns how many of them are gone already: a relay was quicker, and has sent them
 */
export async function deleteJustInsertedOutbox(
  database: Database,
  on: Connection,
  { rows, firstSeq, timing }: { rows: readonly OutboxRow[]; firstSeq: number; timing: Timing },
): Promise<number> {
  const { dialect, tables } = database;
  const table = tableFor(rows, dueTime(dialect, timing));
  const ids = rows.map(({ innerMsgId }) => innerMsgId);
  const those = `inner_msg_id IN (${placeholders(ids.length)})`;
  if (table === 'outbox_scheduled') {
    const keys = await read<{ due_at: number | string; key_hex: string }>(
      on,
      `SELECT due_at, ${dialect.hex('inner_msg_id')} AS key_hex FROM ${tables[table]} WHERE ${those}`,
      ids,
    );
    if (keys.length === 0) return rows.length;
    const { affected } = await write(
      on,
      `DELETE FROM ${tables[table]} WHERE ${keys.map(() => '(due_at = ? AND inner_msg_id = ?)').join(' OR ')}`,
      keys.flatMap(({ due_at, key_hex }) => [due_at, Buffer.from(key_hex, 'hex')]),
    );
    return rows.length - affected;
  }
  const found = await read<{ seq: number | string }>(
    on,
    `SELECT seq FROM ${tables[table]} WHERE seq >= ? AND ${those}`,
    [firstSeq, ...ids],
  );
  if (found.length === 0) return rows.length;
  const seqs = found.map(({ seq }) => Number(seq));
  return rows.length - (await deleteBySeq(database, on, tables[table], seqs));
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
