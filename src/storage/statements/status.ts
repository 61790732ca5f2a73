import { type Connection, read } from '../execute.js';
import type { Database } from '../tables.js';

/**
 * How much there is, for whoever looks every few seconds: each statement reads so many rows at most, along a key, however
 * long the table is. None of them locks anything. Times are in microseconds since 1970 UTC.
 */

/** At most this many rows of each table are looked at. */
interface UpTo {
  rows: number;
}

/** In one table. */
export interface DeliveryTally {
  /** Rows that were looked at. */
  looked: number;
  /** Leased. */
  inFlight: number;
  /** To be had again at a time. */
  aside: number;
  /** Of those: after a failure. */
  retrying: number;
}

export interface SubscriptionTally {
  delivery: DeliveryTally;
  keyed: DeliveryTally & { lines: number };
  waiting: DeliveryTally;
  deadLetters: { looked: number; oldest: number | undefined };
}

/** What one subscription has before it. Along the primary keys, in one statement: a row that moves is not counted twice. */
export async function tallySubscription(
  { dialect, tables: t }: Database,
  on: Connection,
  { subscriptionId, rows: most }: UpTo & { subscriptionId: number },
): Promise<SubscriptionTally> {
  const failed = '(failures > 0 OR lost_leases > 0)';
  const isSo = (condition: string) => `CASE WHEN ${condition} THEN 1 ELSE 0 END`;
  const states = `${isSo(`available_at > ${dialect.now} AND token IS NOT NULL`)} AS leased,
            ${isSo(`available_at > ${dialect.now} AND token IS NULL`)} AS aside,
            ${isSo(`available_at > ${dialect.now} AND token IS NULL AND ${failed}`)} AS retrying`;
  const sums = 'COUNT(*) AS looked, SUM(leased) AS leased, SUM(aside) AS aside, SUM(retrying) AS retrying';
  const rows = await read<Record<string, number | string | null>>(
    on,
    // A sum, so that PostgreSQL takes what is missing for a number and not for a text.
    `SELECT 0 AS place, ${sums}, 0 AS line_count, 0 + NULL AS oldest FROM (
       SELECT ${states} FROM ${t.delivery} WHERE subscription_id = ? ORDER BY seq LIMIT ${most}) d
     UNION ALL
     SELECT 1, COUNT(*), SUM(leased), SUM(aside), SUM(retrying), COUNT(DISTINCT ordering_key), NULL FROM (
       SELECT ordering_key, ${states} FROM ${t.delivery_keyed} WHERE subscription_id = ? ORDER BY ordering_key, seq LIMIT ${most}) k
     UNION ALL
     SELECT 2, COUNT(*), 0, COUNT(*), SUM(retrying), 0, NULL FROM (
       SELECT ${isSo(failed)} AS retrying FROM ${t.waiting} WHERE subscription_id = ? ORDER BY due_at, seq LIMIT ${most}) w
     UNION ALL
     SELECT 3, COUNT(*), 0, 0, 0, 0, MIN(dead_at) FROM (
       SELECT dead_at FROM ${t.dead_letter} WHERE subscription_id = ? ORDER BY seq LIMIT ${most}) l`,
    [subscriptionId, subscriptionId, subscriptionId, subscriptionId],
  );
  const at = (place: number) => rows.find((row) => Number(row.place) === place)!;
  const tally = (place: number): DeliveryTally => ({
    looked: Number(at(place).looked),
    inFlight: Number(at(place).leased ?? 0),
    aside: Number(at(place).aside ?? 0),
    retrying: Number(at(place).retrying ?? 0),
  });
  return {
    delivery: tally(0),
    keyed: { ...tally(1), lines: Number(at(1).line_count) },
    waiting: tally(2),
    deadLetters: { looked: Number(at(3).looked), oldest: numberOr(at(3).oldest) },
  };
}

/**
 * Since when the oldest delivery has been ready that may be had: since it landed, or since the time that it was published
 * for. The first of its table, behind what is leased; of those with an ordering key, the smallest of the first rows.
 */
export async function findOldestReady(
  { dialect, tables: t }: Database,
  on: Connection,
  { subscriptionId, rows: most }: UpTo & { subscriptionId: number },
): Promise<number | undefined> {
  // The number first: joined, a server may begin with the messages of everybody else.
  const rows = await read<{ landed_at: number | string; deliver_at: number | string | null }>(
    on,
    `SELECT m.landed_at, m.deliver_at FROM (
       SELECT seq FROM ${t.delivery} WHERE subscription_id = ? AND available_at <= ${dialect.now} ORDER BY seq LIMIT 1
     ) d JOIN ${t.message} m ON m.seq = d.seq
     UNION ALL
     SELECT m.landed_at, m.deliver_at FROM (
       SELECT MIN(seq) AS seq FROM (
         SELECT seq, available_at FROM ${t.delivery_keyed} WHERE subscription_id = ? ORDER BY ordering_key, seq LIMIT ${most}
       ) r WHERE r.available_at <= ${dialect.now}
     ) k JOIN ${t.message} m ON m.seq = k.seq`,
    [subscriptionId, subscriptionId],
  );
  const since = rows.map((row) => Math.max(Number(row.landed_at), Number(row.deliver_at ?? 0)));
  return since.length > 0 ? Math.min(...since) : undefined;
}

/** What of one table waits for a decision, or for a group. */
export interface WaitingTally {
  /** Rows that were looked at. */
  looked: number;
  waiting: number;
  oldest: number | undefined;
}

/** What no group has taken. By primary key. */
export async function tallyParked(
  { tables }: Database,
  on: Connection,
  { topicId, rows: most }: UpTo & { topicId: number },
): Promise<WaitingTally> {
  return tally(
    on,
    `SELECT COUNT(*) AS looked, SUM(CASE WHEN taken = 0 THEN 1 ELSE 0 END) AS waiting, MIN(CASE WHEN taken = 0 THEN parked_at END) AS oldest
     FROM (SELECT taken, parked_at FROM ${tables.parked} WHERE topic_id = ? ORDER BY seq LIMIT ${most}) p`,
    [topicId],
  );
}

/** What no group ever took, and is not waiting for one any more. By primary key. */
export async function tallyUnrouted(
  { tables }: Database,
  on: Connection,
  { rows: most }: UpTo,
): Promise<WaitingTally> {
  return tally(
    on,
    `SELECT COUNT(*) AS looked, COUNT(*) AS waiting, MIN(dead_at) AS oldest
     FROM (SELECT dead_at FROM ${tables.dead_letter} WHERE subscription_id = 0 ORDER BY seq LIMIT ${most}) l`,
    [],
  );
}

/** Copies that nobody has decided about; the latest rows. By primary key. */
export async function tallyQuarantine(
  { tables }: Database,
  on: Connection,
  { rows: most }: UpTo,
): Promise<WaitingTally> {
  return tally(
    on,
    `SELECT COUNT(*) AS looked, SUM(CASE WHEN decision IS NULL THEN 1 ELSE 0 END) AS waiting,
            MIN(CASE WHEN decision IS NULL THEN quarantined_at END) AS oldest
     FROM (SELECT decision, quarantined_at FROM ${tables.quarantine} ORDER BY id DESC LIMIT ${most}) q`,
    [],
  );
}

export interface OutboxTally {
  /** Rows that were looked at, of both tables. */
  looked: number;
  /** Of those: sent at least once. */
  sent: number;
  scheduled: number;
  /** The first of each table; what it was before it was replaced by a fresh one. */
  oldestIds: Buffer[];
}

/** By primary keys, and the unique key of `outbox_keyed`. */
export async function tallyOutbox(
  { tables: t }: Database,
  on: Connection,
  { rows: most }: UpTo,
): Promise<OutboxTally> {
  const first = (table: string) =>
    `(SELECT COALESCE(former_id, inner_msg_id) FROM ${table} ORDER BY seq LIMIT 1) AS oldest`;
  const part = (table: string) =>
    `SELECT COUNT(*) AS looked, SUM(sent) AS sent, ${first(table)} FROM (
       SELECT CASE WHEN sends > 0 THEN 1 ELSE 0 END AS sent FROM ${table} ORDER BY seq LIMIT ${most}) o`;
  const rows = await read<{ looked: number | string; sent: number | string | null; oldest: Buffer | null }>(
    on,
    `${part(t.outbox)} UNION ALL ${part(t.outbox_keyed)}`,
    [],
  );
  const scheduled = await read<{ n: number | string }>(
    on,
    `SELECT COUNT(*) AS n FROM (SELECT due_at FROM ${t.outbox_scheduled} ORDER BY due_at, inner_msg_id LIMIT ${most}) s`,
    [],
  );
  const sum = (of: 'looked' | 'sent') => rows.reduce((total, row) => total + Number(row[of] ?? 0), 0);
  return {
    looked: sum('looked'),
    sent: sum('sent'),
    scheduled: Number(scheduled[0]?.n),
    oldestIds: rows.flatMap(({ oldest }) => oldest ?? []),
  };
}

/** Of one scenario, along the index (scenario_id, created_at). */
export async function tallyDedup(
  { tables }: Database,
  on: Connection,
  { scenarioId, rows: most }: UpTo & { scenarioId: number },
): Promise<WaitingTally> {
  return tally(
    on,
    `SELECT COUNT(*) AS looked, COUNT(*) AS waiting, MIN(created_at) AS oldest
     FROM (SELECT created_at FROM ${tables.dedup} WHERE scenario_id = ? ORDER BY created_at, biz_id LIMIT ${most}) k`,
    [scenarioId],
  );
}

/** How many rows of a scenario the server takes for there to be, reading none; undefined where it keeps no statistics. */
export async function estimateDedup(
  { dialect, tables }: Database,
  on: Connection,
  scenarioId: number,
): Promise<number | undefined> {
  if (dialect.engine === 'sqlite') return undefined;
  if (dialect.engine === 'postgres') {
    const [row] = await read<{ 'QUERY PLAN': { Plan: { 'Plan Rows': number } }[] }>(
      on,
      `EXPLAIN (FORMAT JSON) SELECT created_at FROM ${tables.dedup} WHERE scenario_id = ${Math.trunc(scenarioId)}`,
      [],
    );
    return numberOr(row?.['QUERY PLAN'][0]?.Plan['Plan Rows']);
  }
  const rows = await read<{ rows: number | string | null }>(
    on,
    `EXPLAIN FORMAT=TRADITIONAL SELECT created_at FROM ${tables.dedup} WHERE scenario_id = ?`,
    [scenarioId],
  );
  return numberOr(rows[0]?.rows);
}

/** All topics, with the number of their groups: few. */
export async function listTopicsWithGroups(
  { tables: t }: Database,
  on: Connection,
): Promise<{ id: number; topic: string; groups: number }[]> {
  const rows = await read<{ id: number | string; name: Buffer; groups_now: number | string }>(
    on,
    `SELECT t.id, t.name,
            (SELECT COUNT(*) FROM ${t.subscription} s WHERE s.topic_id = t.id AND s.removed = 0) AS groups_now
     FROM ${t.topic} t ORDER BY t.name`,
    [],
  );
  return rows.map((row) => ({
    id: Number(row.id),
    topic: row.name.toString(),
    groups: Number(row.groups_now),
  }));
}

async function tally(on: Connection, sql: string, values: unknown[]): Promise<WaitingTally> {
  const [row] = await read<Record<'looked' | 'waiting' | 'oldest', number | string | null>>(on, sql, values);
  return {
    looked: Number(row!.looked),
    waiting: Number(row!.waiting ?? 0),
    oldest: numberOr(row!.oldest),
  };
}

function numberOr(value: number | string | null | undefined): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}
