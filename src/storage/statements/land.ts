import { type Connection, type SessionState, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import { shareTopic } from './subscribe.js';
import { type Timing, dueTime } from './timing.js';

/** Step 2, the broker stores the message: two statements, in the publisher's own transaction. */

export interface MessageRow {
  innerMsgId: Buffer;
  topicId: number;
  bizId: Buffer;
  body: Buffer;
  headers: Buffer | null;
  /** All of one statement have one, or none has. */
  orderingKey?: Buffer | undefined;
  /** Its own, where the messages differ; microseconds since 1970 UTC. */
  expiresAt?: number | undefined;
  /** When it landed, if that was not just now: in microseconds since 1970 UTC. */
  landedAt?: number;
}

export interface LandedMessages {
  /** The database's number of the first message; the others follow in the order given. */
  firstSeq: number;
  /** Those of all of them, where others' may be in between (PostgreSQL). */
  seqs?: readonly number[];
  session?: SessionState;
}

/**
 * All values are bytes or numbers, so neither the connection's character set nor the server's sql_mode can change them.
 * The rows of one INSERT … VALUES get consecutive numbers in each innodb_autoinc_lock_mode.
 */
export async function insertMessages(
  { dialect, tables }: Database,
  on: Connection,
  rows: readonly MessageRow[],
  timing: Timing = {},
): Promise<LandedMessages> {
  const due = dueTime(dialect, timing);
  const expires = timing.expiresAt !== undefined || rows.some(({ expiresAt }) => expiresAt !== undefined);
  const expiry = ({ expiresAt = timing.expiresAt }: MessageRow) =>
    expiresAt === undefined ? 'NULL' : `${Math.trunc(expiresAt)}`;
  const keyed = rows[0]?.orderingKey !== undefined;
  const columns = `inner_msg_id, topic_id, biz_id, ${dialect.body}, headers${keyed ? ', ordering_key' : ''}, landed_at${due ? ', deliver_at' : ''}${expires ? ', expires_at' : ''}`;
  const row = (message: MessageRow) =>
    `(?, ?, ?, ?, ?${keyed ? ', ?' : ''}, ${message.landedAt === undefined ? dialect.now : Math.trunc(message.landedAt)}${due ? `, ${due}` : ''}${expires ? `, ${expiry(message)}` : ''})`;
  const insert = `INSERT INTO ${tables.message} (${columns}) VALUES ${rows.map(row).join(', ')}`;
  const values = rows.flatMap(({ innerMsgId, topicId, bizId, body, headers, orderingKey }) => [
    innerMsgId,
    topicId,
    bizId,
    body,
    headers,
    ...(keyed ? [orderingKey] : []),
  ]);
  if (dialect.engine === 'postgres') return insertSharing({ dialect, tables }, on, { insert, values }, rows);
  const { insertId, session } = await write(on, insert, values);
  const firstSeq = dialect.engine === 'sqlite' ? insertId - rows.length + 1 : insertId;
  return { firstSeq, ...(session && { session }) };
}

/**
 * On PostgreSQL a statement sees what had committed when it began, also where it has waited for a lock since: the fan-out
 * would not see a group whose subscription it had to wait for. So this statement, the one before it, takes the topic's lock.
 */
async function insertSharing(
  { dialect, tables }: Pick<Database, 'dialect' | 'tables'>,
  on: Connection,
  { insert, values }: { insert: string; values: unknown[] },
  rows: readonly MessageRow[],
): Promise<LandedMessages> {
  const found = await read<{ seq: number | string }>(
    on,
    `${insert} RETURNING seq, (SELECT t.id FROM ${tables.topic} t WHERE t.id = ?${dialect.forShare}) AS topic_id`,
    [...values, rows[0]!.topicId],
  );
  const seqs = found.map(({ seq }) => Number(seq));
  return { firstSeq: seqs[0]!, seqs };
}

/** Takes back what {@link insertMessages} wrote outside of a transaction. */
export async function deleteJustInserted(
  { tables }: Database,
  on: Connection,
  { firstSeq, rows }: { firstSeq: number; rows: readonly MessageRow[] },
): Promise<void> {
  await write(
    on,
    `DELETE FROM ${tables.message} WHERE seq >= ? AND inner_msg_id IN (${placeholders(rows.length)})`,
    [firstSeq, ...rows.map(({ innerMsgId }) => innerMsgId)],
  );
}

export interface FanOut {
  topicId: number;
  firstSeq: number;
  count: number;
  /** As {@link insertMessages} has answered, which has locked the topic's row then. */
  seqs?: readonly number[] | undefined;
  /** Of each message, in their order; left out where they have none. */
  orderingKeys?: readonly Buffer[] | undefined;
}

/**
 * One delivery for each message and subscription; where the messages have a time, each waits for it, and where they have
 * ordering keys, each stands in the line of its key. It share-locks the
 * topic's row in the same statement, if the one before has not: without that, a group could subscribe and commit between
 * the read of the groups and the publisher's commit, and miss the message.
 *
 * @returns how many deliveries were made: 0 when nobody has subscribed
 */
export async function fanOut(
  { dialect, tables }: Pick<Database, 'dialect' | 'tables'>,
  on: Connection,
  { topicId, orderingKeys, ...messages }: FanOut,
  timing: Timing = {},
): Promise<number> {
  const database = { dialect, tables };
  // Not in the same statement: see insertSharing.
  if (dialect.engine === 'postgres' && !messages.seqs) await shareTopic(database, on, topicId);
  if (orderingKeys) return fanOutKeyed(database, on, { topicId, orderingKeys, ...messages });
  const numbers = numbersOf(dialect.engine, messages);
  const due = dueTime(dialect, timing);
  const { affected } = await write(
    on,
    `INSERT INTO ${due ? `${tables.waiting} (due_at, subscription_id, seq)` : `${tables.delivery} (subscription_id, seq)`}
     SELECT ${due ? `${due}, ` : ''}s.id, ${numbers.seq} FROM ${tables.topic} t
     JOIN ${tables.subscription} s ON s.topic_id = t.id${numbers.join}
     WHERE t.id = ? AND s.removed = 0${lockOf(dialect)}`,
    [...numbers.parameters, topicId],
  );
  return affected;
}

async function fanOutKeyed(
  { dialect, tables }: Pick<Database, 'dialect' | 'tables'>,
  on: Connection,
  { topicId, orderingKeys, ...messages }: FanOut & { orderingKeys: readonly Buffer[] },
): Promise<number> {
  const numbers = keyedNumbersOf(dialect.engine, messages, orderingKeys);
  const { affected } = await write(
    on,
    `INSERT INTO ${tables.delivery_keyed} (subscription_id, seq, ordering_key)
     SELECT s.id, ${numbers.seq}, ${numbers.orderingKey} FROM ${tables.topic} t
     JOIN ${tables.subscription} s ON s.topic_id = t.id${numbers.join}
     WHERE t.id = ? AND s.removed = 0${lockOf(dialect)}`,
    [...numbers.parameters, topicId],
  );
  return affected;
}

/**
 * Keeps messages that found no group, for each that subscribes while they wait. Where they have a time, they count as
 * parked from then on.
 *
 * @returns how many there are now: 0 when the topic's row is gone
 */
export async function parkMessages(
  { dialect, tables }: Database,
  on: Connection,
  { topicId, ...messages }: FanOut,
  timing: Timing = {},
): Promise<number> {
  const numbers = numbersOf(dialect.engine, messages);
  const due = dueTime(dialect, timing) ?? dialect.now;
  const { affected } = await write(
    on,
    `INSERT INTO ${tables.parked} (topic_id, seq, parked_at)
     SELECT t.id, ${numbers.seq}, ${due} FROM ${tables.topic} t${numbers.join} WHERE t.id = ?`,
    [...numbers.parameters, topicId],
  );
  return affected;
}

/** Where the topic's row is not locked by then. */
function lockOf({ engine, forShare }: Database['dialect']): string {
  return engine === 'postgres' ? '' : forShare;
}

type MessageNumbers = Pick<FanOut, 'firstSeq' | 'count' | 'seqs'>;

/**
 * The numbers that a multi-row INSERT was given. Not read back from the messages: a range scan with a share lock would
 * hold up every other publisher under REPEATABLE READ. Clusters count in steps of auto_increment_increment.
 */
function numbersOf(engine: Database['dialect']['engine'], { firstSeq, count, seqs }: MessageNumbers) {
  if (count === 1) return { seq: '?', join: '', parameters: [firstSeq] };
  if (engine === 'postgres')
    return { seq: 'n.seq', join: ' CROSS JOIN unnest(?::bigint[]) AS n(seq)', parameters: [seqs] };
  const list = `[${Array.from({ length: count }, (_, i) => i).join(',')}]`;
  return engine === 'sqlite'
    ? { seq: '? + n.value', join: ' JOIN json_each(?) n', parameters: [firstSeq, list] }
    : {
        seq: '? + n.i * @@auto_increment_increment',
        // A derived table, because MySQL refuses LOCK IN SHARE MODE on JSON_TABLE itself.
        join: ` JOIN (SELECT j.i FROM JSON_TABLE(?, '$[*]' COLUMNS (i INT PATH '$')) j) n`,
        parameters: [firstSeq, list],
      };
}

/** The same with each message's ordering key, as hexadecimal digits: JSON carries no bytes. */
function keyedNumbersOf(
  engine: Database['dialect']['engine'],
  { firstSeq, seqs }: MessageNumbers,
  orderingKeys: readonly Buffer[],
) {
  if (orderingKeys.length === 1) {
    return { seq: '?', orderingKey: '?', join: '', parameters: [firstSeq, orderingKeys[0]] };
  }
  if (engine === 'postgres') {
    return {
      seq: 'n.seq',
      orderingKey: 'n.ordering_key',
      join: ' CROSS JOIN unnest(?::bigint[], ?::bytea[]) AS n(seq, ordering_key)',
      parameters: [seqs, orderingKeys],
    };
  }
  const list = JSON.stringify(orderingKeys.map((orderingKey, i) => [i, orderingKey.toString('hex')]));
  const parameters = [firstSeq, list];
  return engine === 'sqlite'
    ? {
        seq: "? + json_extract(n.value, '$[0]')",
        orderingKey: "unhex(json_extract(n.value, '$[1]'))",
        join: ' JOIN json_each(?) n',
        parameters,
      }
    : {
        seq: '? + n.i * @@auto_increment_increment',
        orderingKey: 'UNHEX(n.hex_key)',
        join: ` JOIN (SELECT j.i, j.hex_key FROM JSON_TABLE(?, '$[*]' COLUMNS (
                  i INT PATH '$[0]', hex_key VARCHAR(510) PATH '$[1]')) j) n`,
        parameters,
      };
}
