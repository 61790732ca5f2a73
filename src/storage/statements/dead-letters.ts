import { type Connection, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import { deleteBySeq } from './delete-by-seq.js';

/** Dead letters as operators see them. A dead letter keeps its message from being deleted. */

export interface DeadLetterKey {
  /** 0 for a message that no group ever took. */
  subscriptionId: number;
  seq: number;
}

export interface DeadLetterRow extends DeadLetterKey {
  /** Undefined for a message that no group ever took. */
  group: string | undefined;
  topic: string;
  bizId: string;
  orderingKey: string | undefined;
  reason: string;
  failures: number;
  lostLeases: number;
  errors: Buffer | null;
  /** Microseconds since 1970 UTC. */
  deadAt: number;
  landedAt: number;
}

/** Each part that is given must be met. */
export interface DeadLetterCondition {
  topic?: string | undefined;
  group?: string | undefined;
  reason?: string | undefined;
  bizId?: string | undefined;
  /** Microseconds since 1970 UTC; that moment included. */
  deadUntil?: number | undefined;
  /** In the order of their numbers, group by group, instead of newest first. */
  oldestFirst?: boolean | undefined;
  /** Further back than this one, in the order of the list. */
  behind?: (DeadLetterKey & { deadAt: number }) | undefined;
  keys?: readonly DeadLetterKey[] | undefined;
}

/** Newest first, along the index on dead_at; or along the primary key. */
export async function listDeadLetters(
  { tables, dialect }: Database,
  on: Connection,
  condition: DeadLetterCondition,
  limit: number,
): Promise<DeadLetterRow[]> {
  const { where, values } = conditionSql(condition);
  // Where the statistics still say that there are few, these servers read and sort all that there are.
  const by = (index: string) => (dialect.engine === 'mysql' ? ` FORCE INDEX (${index})` : '');
  const inThisOrder = dialect.engine === 'mysql' ? 'STRAIGHT_JOIN ' : '';
  const index = condition.oldestFirst || condition.keys ? 'PRIMARY' : 'dead_letter_dead_at';
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT ${inThisOrder}dl.subscription_id, dl.seq, dl.reason, dl.failures, dl.lost_leases,
            dl.errors, dl.dead_at, s.group_name, t.name AS topic_name, m.biz_id, m.ordering_key, m.landed_at
     FROM ${tables.dead_letter} dl${by(index)}
     JOIN ${tables.message} m${by('PRIMARY')} ON m.seq = dl.seq
     JOIN ${tables.topic} t ON t.id = m.topic_id
     LEFT JOIN ${tables.subscription} s ON s.id = dl.subscription_id
     WHERE ${where}
     ORDER BY ${condition.oldestFirst ? 'dl.subscription_id, dl.seq' : 'dl.dead_at DESC, dl.subscription_id DESC, dl.seq DESC'} LIMIT ${limit}`,
    values,
  );
  return rows.map((row) => ({
    group: row.group_name === null ? undefined : text(row.group_name),
    topic: text(row.topic_name),
    subscriptionId: Number(row.subscription_id),
    seq: Number(row.seq),
    bizId: text(row.biz_id),
    orderingKey: row.ordering_key === null ? undefined : text(row.ordering_key),
    reason: text(row.reason),
    failures: Number(row.failures),
    lostLeases: Number(row.lost_leases),
    errors: row.errors as Buffer | null,
    deadAt: Number(row.dead_at),
    landedAt: Number(row.landed_at),
  }));
}

/** Those of one subscription that are still there, locked. */
export async function lockDeadLetters(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, seqs }: DeadLetterBatch,
): Promise<number[]> {
  const rows = await read<{ seq: number | string }>(
    on,
    `SELECT seq FROM ${tables.dead_letter}
     WHERE subscription_id = ? AND seq IN (${placeholders(seqs.length)})${dialect.forUpdate}`,
    [subscriptionId, ...seqs],
  );
  return rows.map(({ seq }) => Number(seq));
}

/**
 * Back to where they were claimed from, under their old numbers, with their failures forgiven and their history kept. By
 * primary keys, also of the messages, which say whether there is an ordering key; these are not locked.
 */
export async function insertDeliveriesFromDeadLetters(
  { tables }: Database,
  on: Connection,
  { subscriptionId, seqs }: DeadLetterBatch,
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.delivery} (subscription_id, seq, errors)
     SELECT dl.subscription_id, dl.seq, dl.errors FROM ${tables.dead_letter} dl
     LEFT JOIN ${tables.message} m ON m.seq = dl.seq
     WHERE dl.subscription_id = ? AND dl.seq IN (${placeholders(seqs.length)}) AND m.ordering_key IS NULL`,
    [subscriptionId, ...seqs],
  );
}

/**
 * The same for those with an ordering key: each goes to the front of its key's line. What of the key is under way ends
 * first; claims see to that.
 */
export async function insertKeyedFromDeadLetters(
  { tables }: Database,
  on: Connection,
  { subscriptionId, seqs }: DeadLetterBatch,
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.delivery_keyed} (subscription_id, ordering_key, seq, errors)
     SELECT dl.subscription_id, m.ordering_key, dl.seq, dl.errors FROM ${tables.dead_letter} dl
     JOIN ${tables.message} m ON m.seq = dl.seq
     WHERE dl.subscription_id = ? AND dl.seq IN (${placeholders(seqs.length)}) AND m.ordering_key IS NOT NULL`,
    [subscriptionId, ...seqs],
  );
}

export async function deleteDeadLetters(
  database: Database,
  on: Connection,
  { subscriptionId, seqs }: DeadLetterBatch,
): Promise<void> {
  const owner = { column: 'subscription_id', id: subscriptionId } as const;
  await deleteBySeq(database, on, database.tables.dead_letter, seqs, { owner });
}

/** Where a message goes: its topic, and the line that it stands in. By primary key. */
export async function findRoute(
  { tables }: Database,
  on: Connection,
  seq: number,
): Promise<{ topicId: number; orderingKeys: [Buffer] | undefined } | undefined> {
  const rows = await read<{ topic_id: number | string; ordering_key: Buffer | null }>(
    on,
    `SELECT topic_id, ordering_key FROM ${tables.message} WHERE seq = ?`,
    [seq],
  );
  return rows.map(({ topic_id, ordering_key }) => ({
    topicId: Number(topic_id),
    orderingKeys: ordering_key === null ? undefined : ([ordering_key] as [Buffer]),
  }))[0];
}

export interface DeadLetterBatch {
  subscriptionId: number;
  seqs: readonly number[];
}

function conditionSql({
  topic,
  group,
  reason,
  bizId,
  deadUntil,
  behind,
  keys,
  oldestFirst,
}: DeadLetterCondition) {
  const parts = ['1 = 1'];
  const values: unknown[] = [];
  const add = (sql: string, ...given: unknown[]) => {
    parts.push(sql);
    values.push(...given);
  };
  if (topic !== undefined) add('t.name = ?', Buffer.from(topic));
  if (group !== undefined) add('s.group_name = ?', Buffer.from(group));
  if (reason !== undefined) add('dl.reason = ?', Buffer.from(reason));
  if (bizId !== undefined) add('m.biz_id = ?', Buffer.from(bizId));
  if (deadUntil !== undefined) add('dl.dead_at <= ?', deadUntil);
  if (behind !== undefined && oldestFirst) {
    add(
      '(dl.subscription_id > ? OR (dl.subscription_id = ? AND dl.seq > ?))',
      ...[behind.subscriptionId, behind.subscriptionId, behind.seq],
    );
  } else if (behind !== undefined) {
    // The first part is where the index begins: by the second alone, a page would read all that stand before it.
    add(
      `dl.dead_at <= ? AND (dl.dead_at < ? OR dl.subscription_id < ? OR (dl.subscription_id = ? AND dl.seq < ?))`,
      ...[behind.deadAt, behind.deadAt, behind.subscriptionId, behind.subscriptionId, behind.seq],
    );
  }
  if (keys !== undefined) {
    const any = keys.map(() => '(dl.subscription_id = ? AND dl.seq = ?)').join(' OR ');
    add(`(${any || '1 = 0'})`, ...keys.flatMap(({ subscriptionId, seq }) => [subscriptionId, seq]));
  }
  return { where: parts.join(' AND '), values };
}

function text(value: unknown): string {
  return (value as Buffer).toString('utf8');
}
