import { type Connection, microseconds, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import { deleteBySeq } from './delete-by-seq.js';

/** Topics, the groups that subscribe to them, and the messages that wait for a group to come. */

export async function findTopic(
  { tables }: Database,
  on: Connection,
  name: string,
): Promise<number | undefined> {
  const rows = await read<{ id: number | string }>(on, `SELECT id FROM ${tables.topic} WHERE name = ?`, [
    Buffer.from(name),
  ]);
  return rows[0] && Number(rows[0].id);
}

/** May fail on a duplicate key when another process was quicker: then it is there. */
export async function insertTopic({ tables }: Database, on: Connection, name: string): Promise<void> {
  await write(on, `INSERT INTO ${tables.topic} (name) VALUES (?)`, [Buffer.from(name)]);
}

/** Waits for every publisher whose transaction has read the topic's groups, and holds up those to come. */
export async function lockTopic(
  { dialect, tables }: Database,
  on: Connection,
  topicId: number,
): Promise<void> {
  if (dialect.engine === 'postgres') {
    // By a change that changes nothing: a publisher whose snapshot is older (REPEATABLE READ) would not see the group that
    // comes now, and is refused the row when it asks for it, with 40001. From a mere lock it would hear nothing.
    await write(on, `UPDATE ${tables.topic} SET name = name WHERE id = ?`, [topicId]);
    return;
  }
  await read(on, `SELECT id FROM ${tables.topic} WHERE id = ?${dialect.forUpdate}`, [topicId]);
}

/** As every publisher holds it, until the end of the transaction: no group subscribes meanwhile. */
export async function shareTopic(
  { dialect, tables }: Pick<Database, 'dialect' | 'tables'>,
  on: Connection,
  topicId: number,
): Promise<void> {
  await read(on, `SELECT id FROM ${tables.topic} WHERE id = ?${dialect.forShare}`, [topicId]);
}

export interface SubscriptionRow {
  id: number;
  version: number;
  removed: boolean;
}

export async function findSubscription(
  { tables }: Database,
  on: Connection,
  { topicId, group }: { topicId: number; group: string },
): Promise<SubscriptionRow | undefined> {
  const rows = await read<{ id: number | string; version: number; removed: number }>(
    on,
    `SELECT id, version, removed FROM ${tables.subscription} WHERE topic_id = ? AND group_name = ?`,
    [topicId, Buffer.from(group)],
  );
  return rows.map((row) => ({
    id: Number(row.id),
    version: Number(row.version),
    removed: Number(row.removed) === 1,
  }))[0];
}

export async function insertSubscription(
  { tables }: Database,
  on: Connection,
  { topicId, group, version }: { topicId: number; group: string; version: number },
): Promise<void> {
  await write(on, `INSERT INTO ${tables.subscription} (topic_id, group_name, version) VALUES (?, ?, ?)`, [
    topicId,
    Buffer.from(group),
    version,
  ]);
}

export async function updateSubscription(
  { tables }: Database,
  on: Connection,
  { id, version, removed }: SubscriptionRow,
): Promise<void> {
  await write(on, `UPDATE ${tables.subscription} SET version = ?, removed = ? WHERE id = ?`, [
    version,
    removed ? 1 : 0,
    id,
  ]);
}

export async function deleteSubscription({ tables }: Database, on: Connection, id: number): Promise<void> {
  await write(on, `DELETE FROM ${tables.subscription} WHERE id = ?`, [id]);
}

/**
 * The next number behind this one that has rows in `table`. The end of a range of the primary key is one look-up, however
 * many rows each number has. (All numbers in one recursive query read all rows for each of them: neither MySQL nor MariaDB
 * looks up the end of a range that begins at a value of an outer query.)
 */
export async function findNextSubscription(
  { tables }: Database,
  on: Connection,
  { table, after }: { table: DeliveryTable; after: number },
): Promise<number | undefined> {
  const rows = await read<{ id: number | string | null }>(
    on,
    `SELECT MIN(subscription_id) AS id FROM ${tables[table]} WHERE subscription_id > ?`,
    [after],
  );
  const id = rows[0]?.id;
  return id === null || id === undefined ? undefined : Number(id);
}

export async function hasSubscription({ tables }: Database, on: Connection, id: number): Promise<boolean> {
  const rows = await read(on, `SELECT 1 FROM ${tables.subscription} WHERE id = ? AND removed = 0`, [id]);
  return rows.length > 0;
}

export async function listSubscriptions({ tables }: Database, on: Connection): Promise<number[]> {
  const rows = await read<{ id: number | string }>(on, `SELECT id FROM ${tables.subscription}`, []);
  return rows.map(({ id }) => Number(id));
}

export async function findRemovedSubscriptions({ tables }: Database, on: Connection): Promise<number[]> {
  const rows = await read<{ id: number | string }>(
    on,
    `SELECT id FROM ${tables.subscription} WHERE removed = 1`,
    [],
  );
  return rows.map(({ id }) => Number(id));
}

/**
 * A batch of what is parked, locked: a sweeper that is about to take some of it away is waited for. Along the primary key
 * (topic_id, seq).
 *
 * @returns their numbers, and the time by which all of them are due or not
 */
export async function lockParked(
  { dialect, tables }: Database,
  on: Connection,
  { topicId, after, limit }: { topicId: number; after: number; limit: number },
): Promise<{ seqs: number[]; now: number }> {
  const rows = await read<{ seq: number | string; now: number | string }>(
    on,
    `SELECT seq, ${dialect.now} AS now FROM ${tables.parked}
     WHERE topic_id = ? AND seq > ? ORDER BY seq LIMIT ${limit}${dialect.forUpdate}`,
    [topicId, after],
  );
  return { seqs: rows.map(({ seq }) => Number(seq)), now: Number(rows[0]?.now ?? 0) };
}

/**
 * Gives the parked messages in the range that are due to a new group. Primary keys, also of the messages, which say whether
 * there is an ordering key; the parked are locked.
 */
export async function deliverParked(
  { tables }: Database,
  on: Connection,
  { topicId, subscriptionId, first, last, now }: ParkedRange & { subscriptionId: number; now: number },
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.delivery} (subscription_id, seq)
     SELECT ?, p.seq FROM ${tables.parked} p LEFT JOIN ${tables.message} m ON m.seq = p.seq
     WHERE p.topic_id = ? AND p.seq BETWEEN ? AND ? AND p.parked_at <= ? AND m.ordering_key IS NULL`,
    [subscriptionId, topicId, first, last, now],
  );
}

/** The same for those with an ordering key, which have no time to wait for. */
export async function deliverParkedKeyed(
  { tables }: Database,
  on: Connection,
  { topicId, subscriptionId, first, last }: ParkedRange & { subscriptionId: number },
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.delivery_keyed} (subscription_id, ordering_key, seq)
     SELECT ?, m.ordering_key, p.seq FROM ${tables.parked} p JOIN ${tables.message} m ON m.seq = p.seq
     WHERE p.topic_id = ? AND p.seq BETWEEN ? AND ? AND m.ordering_key IS NOT NULL`,
    [subscriptionId, topicId, first, last],
  );
}

/** The others wait for their time, as they do in the groups that were there first. Primary key; they are locked. */
export async function scheduleParked(
  { tables }: Database,
  on: Connection,
  { topicId, subscriptionId, first, last, now }: ParkedRange & { subscriptionId: number; now: number },
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.waiting} (subscription_id, due_at, seq)
     SELECT ?, p.parked_at, p.seq FROM ${tables.parked} p LEFT JOIN ${tables.message} m ON m.seq = p.seq
     WHERE p.topic_id = ? AND p.seq BETWEEN ? AND ? AND p.parked_at > ? AND m.ordering_key IS NULL`,
    [subscriptionId, topicId, first, last, now],
  );
}

export async function markParkedTaken(
  { tables }: Database,
  on: Connection,
  { topicId, first, last }: ParkedRange,
): Promise<void> {
  await write(on, `UPDATE ${tables.parked} SET taken = 1 WHERE topic_id = ? AND seq BETWEEN ? AND ?`, [
    topicId,
    first,
    last,
  ]);
}

/** From the first number to the last one, both included. */
export interface ParkedRange {
  topicId: number;
  first: number;
  last: number;
}

export interface ParkedRow {
  seq: number;
  taken: boolean;
}

/** Parked messages whose time to wait for a group is over, locked. Index (topic_id, parked_at): the rest is not looked at. */
export async function findOverdueParked(
  { dialect, tables }: Database,
  on: Connection,
  { topicId, olderThanMs, limit }: { topicId: number; olderThanMs: number; limit: number },
): Promise<ParkedRow[]> {
  const rows = await read<{ seq: number | string; taken: number }>(
    on,
    `SELECT seq, taken FROM ${tables.parked} WHERE topic_id = ? AND parked_at < ${dialect.now} - ?
     ORDER BY parked_at LIMIT ${limit}${dialect.forUpdateSkipLocked}`,
    [topicId, microseconds(olderThanMs)],
  );
  return rows.map((row) => ({ seq: Number(row.seq), taken: Number(row.taken) === 1 }));
}

export async function deleteParked(
  database: Database,
  on: Connection,
  { topicId, seqs }: { topicId: number; seqs: readonly number[] },
): Promise<void> {
  await deleteBySeq(database, on, database.tables.parked, seqs, {
    owner: { column: 'topic_id', id: topicId },
  });
}

export async function listTopics(
  { tables }: Database,
  on: Connection,
): Promise<{ id: number; name: string }[]> {
  const rows = await read<{ id: number | string; name: Buffer }>(
    on,
    `SELECT id, name FROM ${tables.topic}`,
    [],
  );
  return rows.map(({ id, name }) => ({ id: Number(id), name: name.toString('utf8') }));
}

/** Where a group's deliveries can be. */
export const DELIVERY_TABLES = ['delivery', 'delivery_keyed', 'waiting', 'dead_letter'] as const;
export type DeliveryTable = (typeof DELIVERY_TABLES)[number];

/** A batch of a removed group's deliveries; 0 when none is left. */
export async function deleteDeliveriesOf(
  database: Database,
  on: Connection,
  { table, subscriptionId, limit }: { table: DeliveryTable; subscriptionId: number; limit: number },
): Promise<number> {
  const name = database.tables[table];
  if (table === 'delivery_keyed') return deleteKeyedOf(database, on, { subscriptionId, limit });
  const rows = await read<{ seq: number | string }>(
    on,
    `SELECT seq FROM ${name} WHERE subscription_id = ? LIMIT ${limit}`,
    [subscriptionId],
  );
  // In the order in which a cancel locks them.
  const seqs = rows.map(({ seq }) => Number(seq)).sort((a, b) => a - b);
  if (seqs.length > 0) {
    await deleteBySeq(database, on, name, seqs, { owner: { column: 'subscription_id', id: subscriptionId } });
  }
  return seqs.length;
}

/** Each by its whole primary key, for the reason that `deleteBySeq` has. */
async function deleteKeyedOf(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, limit }: { subscriptionId: number; limit: number },
): Promise<number> {
  const name = tables.delivery_keyed;
  const rows = await read<{ seq: number | string; ordering_key: Buffer }>(
    on,
    `SELECT seq, ordering_key FROM ${name} WHERE subscription_id = ? LIMIT ${limit}`,
    [subscriptionId],
  );
  if (rows.length === 0) return 0;
  if (dialect.engine === 'postgres') {
    await write(
      on,
      `DELETE FROM ${name} WHERE subscription_id = ?
         AND (ordering_key, seq) IN (SELECT * FROM unnest(?::bytea[], ?::bigint[]))`,
      [subscriptionId, rows.map(({ ordering_key }) => ordering_key), rows.map(({ seq }) => seq)],
    );
    return rows.length;
  }
  const keys = JSON.stringify(
    rows.map(({ seq, ordering_key }) => [Number(seq), ordering_key.toString('hex')]),
  );
  await write(
    on,
    dialect.engine === 'sqlite'
      ? `DELETE FROM ${name} WHERE subscription_id = ? AND (ordering_key, seq) IN
           (SELECT unhex(json_extract(value, '$[1]')), json_extract(value, '$[0]') FROM json_each(?))`
      : `DELETE d FROM JSON_TABLE(?, '$[*]' COLUMNS (
           seq BIGINT UNSIGNED PATH '$[0]', hex_key VARCHAR(510) PATH '$[1]')) k
         STRAIGHT_JOIN ${name} d
           ON d.subscription_id = ? AND d.ordering_key = UNHEX(k.hex_key) AND d.seq = k.seq`,
    dialect.engine === 'sqlite' ? [subscriptionId, keys] : [keys, subscriptionId],
  );
  return rows.length;
}
