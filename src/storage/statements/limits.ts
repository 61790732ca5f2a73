import type { Dialect } from '../dialect.js';
import { type Connection, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import type { DeliveryKey } from './delivery-place.js';

/**
 * What groups are held to. Whoever has locked a group's limit has all of its `limited_lease` to himself; that lock comes
 * before those of deliveries, and nobody who has it waits for another group's.
 */

export interface LimitRow {
  group: string;
  concurrency: number | null;
  perSecond: number | null;
  /** How many may be handed out at once by `perSecond`, as of `refilledAt`. */
  tokens: number;
  /** Microseconds since 1970 UTC, like `now`. */
  refilledAt: number;
  /** The database's clock when the lock was asked for. */
  now: number;
}

/** Whether the subscription's group has a limit. Primary keys, and no lock. */
export async function isLimited(
  { tables }: Database,
  on: Connection,
  subscriptionId: number,
): Promise<boolean> {
  const rows = await read<{ n: number | string }>(
    on,
    `SELECT COUNT(*) AS n FROM ${tables.subscription} s JOIN ${tables.group_limit} l ON l.group_name = s.group_name
     WHERE s.id = ?`,
    [subscriptionId],
  );
  return Number(rows[0]?.n) > 0;
}

/** The limit of the subscription's group, for a claim. Primary keys; locks the one row, and no subscription. */
export async function lockLimit(
  { dialect, tables }: Database,
  on: Connection,
  subscriptionId: number,
): Promise<LimitRow | undefined> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT ${LIMIT}, ${dialect.now} AS now FROM ${tables.group_limit}
     WHERE group_name = (SELECT group_name FROM ${tables.subscription} WHERE id = ?)${dialect.forUpdate}`,
    [subscriptionId],
  );
  return rows.map(toLimit)[0];
}

/** The same for an operator. */
export async function lockLimitOf(
  { dialect, tables }: Database,
  on: Connection,
  group: string,
): Promise<LimitRow | undefined> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT ${LIMIT}, ${dialect.now} AS now FROM ${tables.group_limit} WHERE group_name = ?${dialect.forUpdate}`,
    [Buffer.from(group)],
  );
  return rows.map(toLimit)[0];
}

/** So that there is a row to lock: two operators that both find none would each insert theirs. */
export async function ensureLimit({ dialect, tables }: Database, on: Connection, group: string) {
  const orNothing =
    dialect.engine === 'mysql'
      ? 'ON DUPLICATE KEY UPDATE refilled_at = refilled_at'
      : 'ON CONFLICT DO NOTHING';
  await write(
    on,
    `INSERT INTO ${tables.group_limit} (group_name, refilled_at) VALUES (?, ${dialect.now}) ${orNothing}`,
    [Buffer.from(group)],
  );
}

export async function updateLimit(
  { tables }: Database,
  on: Connection,
  { group, concurrency, perSecond, tokens, refilledAt }: Omit<LimitRow, 'now'>,
): Promise<void> {
  await write(
    on,
    `UPDATE ${tables.group_limit} SET concurrency = ?, per_second = ?, tokens = ?, refilled_at = ? WHERE group_name = ?`,
    [concurrency, perSecond, tokens, refilledAt, Buffer.from(group)],
  );
}

export async function deleteLimit({ tables }: Database, on: Connection, group: string): Promise<void> {
  await write(on, `DELETE FROM ${tables.group_limit} WHERE group_name = ?`, [Buffer.from(group)]);
}

export interface LeaseKey {
  subscriptionId: number;
  seq: number;
}

/**
 * How many of the group's leases are still leases, and which are none any more: acknowledged, given back, or run out.
 * By the group's part of the primary key, and the deliveries by theirs. A plain SELECT: a DELETE that looks at
 * deliveries would lock them, and wait for handlers that are about to commit their ACK.
 */
export async function countLimitedLeases(
  { dialect, tables }: Database,
  on: Connection,
  group: string,
): Promise<{ held: number; ended: LeaseKey[] }> {
  // All that are held make one row, however many there are.
  const rows = await read<Record<'subscription_id' | 'seq' | 'n', number | string | null>>(
    on,
    `SELECT CASE WHEN COALESCE(d.seq, k.seq) IS NULL THEN l.subscription_id END AS subscription_id,
            CASE WHEN COALESCE(d.seq, k.seq) IS NULL THEN l.seq END AS seq, COUNT(*) AS n
     FROM ${tables.limited_lease} l
     LEFT JOIN ${tables.delivery} d
       ON d.subscription_id = l.subscription_id AND d.seq = l.seq AND d.token = l.token
          AND d.available_at > ${dialect.now}
     LEFT JOIN ${tables.delivery_keyed} k
       ON k.subscription_id = l.subscription_id AND k.ordering_key = l.ordering_key AND k.seq = l.seq
          AND k.token = l.token AND k.available_at > ${dialect.now}
     WHERE l.group_name = ? GROUP BY 1, 2`,
    [Buffer.from(group)],
  );
  const ended = rows.filter(({ seq }) => seq !== null);
  const held = rows.find(({ seq }) => seq === null);
  return {
    held: Number(held?.n ?? 0),
    ended: ended.map((row) => ({ subscriptionId: Number(row.subscription_id), seq: Number(row.seq) })),
  };
}

/** Looks up each by its whole primary key, for the reason that `deleteBySeq` has. */
export async function deleteLimitedLeases(
  { dialect, tables }: Database,
  on: Connection,
  group: string,
  leases: readonly LeaseKey[],
): Promise<void> {
  if (dialect.engine === 'postgres') {
    await write(
      on,
      `DELETE FROM ${tables.limited_lease} WHERE group_name = ?
         AND (subscription_id, seq) IN (SELECT * FROM unnest(?::integer[], ?::bigint[]))`,
      [Buffer.from(group), leases.map(({ subscriptionId }) => subscriptionId), leases.map(({ seq }) => seq)],
    );
    return;
  }
  const keys = JSON.stringify(leases.map(({ subscriptionId, seq }) => [subscriptionId, seq]));
  await write(
    on,
    dialect.engine === 'sqlite'
      ? `DELETE FROM ${tables.limited_lease} WHERE (subscription_id, seq) IN
           (SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)) AND group_name = ?`
      : `DELETE l FROM JSON_TABLE(?, '$[*]' COLUMNS (
           subscription_id INT UNSIGNED PATH '$[0]', seq BIGINT UNSIGNED PATH '$[1]')) k
         STRAIGHT_JOIN ${tables.limited_lease} l
           ON l.group_name = ? AND l.subscription_id = k.subscription_id AND l.seq = k.seq`,
    [keys, Buffer.from(group)],
  );
}

/** All of a group, which is not limited any more. */
export async function deleteLimitedLeasesOf(
  { tables }: Database,
  on: Connection,
  group: string,
): Promise<void> {
  await write(on, `DELETE FROM ${tables.limited_lease} WHERE group_name = ?`, [Buffer.from(group)]);
}

/** A lease may have ended since they were counted, and be given anew by now: it replaces the former. */
export async function insertLimitedLeases(
  { dialect, tables }: Database,
  on: Connection,
  { group, subscriptionId, those, token }: LeaseOfGroup,
): Promise<void> {
  const rows = Array<string>(those.length)
    .fill(`(${placeholders(5)})`)
    .join(', ');
  await write(
    on,
    replacing(dialect, tables, `VALUES ${rows}`),
    those.flatMap(({ seq, orderingKey }) => [
      Buffer.from(group),
      subscriptionId,
      seq,
      orderingKey ?? null,
      token,
    ]),
  );
}

export interface LeaseOfGroup {
  group: string;
  subscriptionId: number;
  those: readonly DeliveryKey[];
  token: Buffer;
}

/**
 * What was leased before the group had a limit. Reads all of the group's deliveries, and at READ COMMITTED locks none of
 * them.
 */
export async function insertLeasedDeliveries(
  { dialect, tables }: Database,
  on: Connection,
  group: string,
): Promise<void> {
  const leased = (table: string, orderingKey: string) =>
    `SELECT s.group_name, d.subscription_id, d.seq, ${orderingKey}, d.token
     FROM ${tables.subscription} s JOIN ${table} d ON d.subscription_id = s.id
     WHERE s.group_name = ? AND d.token IS NOT NULL AND d.available_at > ${dialect.now}`;
  await write(
    on,
    replacing(
      dialect,
      tables,
      `${leased(tables.delivery, 'NULL')} UNION ALL ${leased(tables.delivery_keyed, 'd.ordering_key')}`,
    ),
    [Buffer.from(group), Buffer.from(group)],
  );
}

function replacing({ engine }: Dialect, { limited_lease }: Database['tables'], rows: string): string {
  const into = `INTO ${limited_lease} (group_name, subscription_id, seq, ordering_key, token) ${rows}`;
  if (engine !== 'postgres') return `REPLACE ${into}`;
  return `INSERT ${into} ON CONFLICT (group_name, subscription_id, seq)
          DO UPDATE SET ordering_key = EXCLUDED.ordering_key, token = EXCLUDED.token`;
}

const LIMIT = 'group_name, concurrency, per_second, tokens, refilled_at';

function toLimit(row: Record<string, unknown>): LimitRow {
  const numberOrNull = (value: unknown) => (value === null ? null : Number(value));
  return {
    group: (row.group_name as Buffer).toString('utf8'),
    concurrency: numberOrNull(row.concurrency),
    perSecond: numberOrNull(row.per_second),
    tokens: Number(row.tokens),
    refilledAt: Number(row.refilled_at),
    now: Number(row.now),
  };
}
