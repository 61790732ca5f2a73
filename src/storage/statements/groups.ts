import { type Connection, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/** Groups and topics as operators see them and steer them. None of it locks what a publisher or a claim locks. */

export interface GroupRow {
  subscriptionId: number;
  topic: string;
  group: string;
  version: number;
  paused: boolean;
  /** What the group is held to, all its topics together. */
  limits: { concurrency: number | null; perSecond: number | null };
}

export async function listGroups({ tables }: Database, on: Connection): Promise<GroupRow[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT s.id, t.name AS topic_name, s.group_name, s.version, p.subscription_id AS paused, l.concurrency, l.per_second
     FROM ${tables.subscription} s JOIN ${tables.topic} t ON t.id = s.topic_id
     LEFT JOIN ${tables.paused} p ON p.subscription_id = s.id
     LEFT JOIN ${tables.group_limit} l ON l.group_name = s.group_name
     WHERE s.removed = 0 ORDER BY t.name, s.group_name`,
    [],
  );
  return rows.map((row) => ({
    subscriptionId: Number(row.id),
    topic: (row.topic_name as Buffer).toString('utf8'),
    group: (row.group_name as Buffer).toString('utf8'),
    version: Number(row.version),
    paused: row.paused !== null,
    limits: { concurrency: numberOrNull(row.concurrency), perSecond: numberOrNull(row.per_second) },
  }));
}

/** By primary keys: those of these numbers that there are. */
export async function describeSubscriptions(
  { tables: t }: Database,
  on: Connection,
  ids: readonly number[],
): Promise<{ id: number; topic: string; group: string }[]> {
  const rows = await read<{ id: number | string; topic: Buffer; group_name: Buffer }>(
    on,
    `SELECT s.id, t.name AS topic, s.group_name FROM ${t.subscription} s JOIN ${t.topic} t ON t.id = s.topic_id
     WHERE s.id IN (${placeholders(ids.length)})`,
    [...ids],
  );
  return rows.map((row) => ({
    id: Number(row.id),
    topic: row.topic.toString(),
    group: row.group_name.toString(),
  }));
}

export interface DeliveryCounts {
  ready: number;
  /** Leased. */
  inFlight: number;
  /** Given back, to be had again in a moment. */
  givenBack: number;
}

/** What each subscription has in `delivery` and in `delivery_keyed`. Reads all of them. */
export async function countDeliveries(
  { dialect, tables }: Database,
  on: Connection,
): Promise<Map<number, DeliveryCounts>> {
  const rows = await read<Record<string, number | string>>(
    on,
    `SELECT subscription_id, COUNT(*) AS n,
            SUM(CASE WHEN available_at > ${dialect.now} AND token IS NOT NULL THEN 1 ELSE 0 END) AS leased,
            SUM(CASE WHEN available_at > ${dialect.now} AND token IS NULL THEN 1 ELSE 0 END) AS given_back
     FROM (SELECT subscription_id, available_at, token FROM ${tables.delivery}
           UNION ALL SELECT subscription_id, available_at, token FROM ${tables.delivery_keyed}) d
     GROUP BY subscription_id`,
    [],
  );
  return new Map(
    rows.map((row) => {
      const [inFlight, givenBack] = [Number(row.leased), Number(row.given_back)];
      return [
        Number(row.subscription_id),
        { inFlight, givenBack, ready: Number(row.n) - inFlight - givenBack },
      ];
    }),
  );
}

/** How many rows each subscription has in the table. Reads all of its primary key. */
export async function countBySubscription(
  { tables }: Database,
  on: Connection,
  table: 'waiting' | 'dead_letter',
): Promise<Map<number, number>> {
  const rows = await read<{ subscription_id: number | string; n: number | string }>(
    on,
    `SELECT subscription_id, COUNT(*) AS n FROM ${tables[table]} GROUP BY subscription_id`,
    [],
  );
  return new Map(rows.map((row) => [Number(row.subscription_id), Number(row.n)]));
}

/** Whether the group still subscribes to anything. Reads all subscriptions. */
export async function isSubscribed({ tables }: Database, on: Connection, group: string): Promise<boolean> {
  const rows = await read(
    on,
    `SELECT id FROM ${tables.subscription} WHERE group_name = ? AND removed = 0 LIMIT 1`,
    [Buffer.from(group)],
  );
  return rows.length === 1;
}

export interface TopicRow {
  topic: string;
  groups: number;
  parked: number;
}

/** Each topic, with its groups, and with what no group has taken: reads all that is parked, and nothing else that grows. */
export async function listTopicsWithParked({ tables: t }: Database, on: Connection): Promise<TopicRow[]> {
  const rows = await read<{ name: Buffer; groups_now: number | string; parked: number | string }>(
    on,
    `SELECT t.name,
            (SELECT COUNT(*) FROM ${t.subscription} s WHERE s.topic_id = t.id AND s.removed = 0) AS groups_now,
            (SELECT COUNT(*) FROM ${t.parked} p WHERE p.topic_id = t.id AND p.taken = 0) AS parked
     FROM ${t.topic} t ORDER BY t.name`,
    [],
  );
  return rows.map((row) => ({
    topic: row.name.toString('utf8'),
    groups: Number(row.groups_now),
    parked: Number(row.parked),
  }));
}

/** May fail on a duplicate key when another operator was quicker: then it is there. Not where that would abort the transaction. */
export async function insertPaused(
  { dialect, tables }: Database,
  on: Connection,
  subscriptionId: number,
): Promise<void> {
  const orNothing = dialect.errorsAbort ? ' ON CONFLICT DO NOTHING' : '';
  await write(on, `INSERT INTO ${tables.paused} (subscription_id) VALUES (?)${orNothing}`, [subscriptionId]);
}

export async function deletePaused(
  { tables }: Database,
  on: Connection,
  subscriptionId: number,
): Promise<void> {
  await write(on, `DELETE FROM ${tables.paused} WHERE subscription_id = ?`, [subscriptionId]);
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}
