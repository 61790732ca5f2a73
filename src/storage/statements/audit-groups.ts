import { type Connection, isTrue, read } from '../execute.js';
import type { Database } from '../tables.js';

/** What an audit asks of topics, groups and their limits: short tables, each read as a whole. */

export async function findSubscriptionsWithout(
  { tables: t }: Database,
  on: Connection,
): Promise<{ id: number; group: Buffer; topicMissing: boolean; turnMissing: boolean }[]> {
  const rows = await read<Record<string, number | string | Buffer | null>>(
    on,
    `SELECT s.id, s.group_name, t.id IS NULL AS topic_missing, k.subscription_id IS NULL AS turn_missing
     FROM ${t.subscription} s
     LEFT JOIN ${t.topic} t ON t.id = s.topic_id
     LEFT JOIN ${t.keyed_turn} k ON k.subscription_id = s.id
     WHERE t.id IS NULL OR k.subscription_id IS NULL ORDER BY s.id`,
    [],
  );
  return rows.map((row) => ({
    id: Number(row.id),
    group: row.group_name as Buffer,
    topicMissing: isTrue(row.topic_missing),
    turnMissing: isTrue(row.turn_missing),
  }));
}

/** Numbers in `keyed_turn` or `paused` that no subscription has. */
export async function findStraySubscriptionRows(
  { tables: t }: Database,
  on: Connection,
  table: 'keyed_turn' | 'paused',
): Promise<number[]> {
  const rows = await read<{ subscription_id: number | string }>(
    on,
    `SELECT x.subscription_id FROM ${t[table]} x LEFT JOIN ${t.subscription} s ON s.id = x.subscription_id
     WHERE s.id IS NULL ORDER BY x.subscription_id`,
    [],
  );
  return rows.map(({ subscription_id }) => Number(subscription_id));
}

export interface JudgedLimitedLease {
  group: Buffer;
  subscriptionId: number;
  seq: number;
  bizId: Buffer | undefined;
  /** The group is held to no number of deliveries at the same time. */
  unlimited: boolean;
  otherGroup: boolean;
  otherLine: boolean;
}

/**
 * Leases that count towards a limit in a way that they can't. There are not many more than all limits together. Whoever
 * writes one has the limit locked, and whoever takes the limit away deletes them.
 */
export async function findWrongLimitedLeases(
  { tables: t }: Database,
  on: Connection,
): Promise<JudgedLimitedLease[]> {
  const unlimited = 'g.concurrency IS NULL';
  const otherGroup = 's.group_name <> l.group_name';
  const otherLine =
    'm.seq IS NOT NULL AND COALESCE(m.ordering_key <> l.ordering_key, (m.ordering_key IS NULL) <> (l.ordering_key IS NULL))';
  const rows = await read<Record<string, number | string | Buffer | null>>(
    on,
    `SELECT l.group_name, l.subscription_id, l.seq, m.biz_id, ${unlimited} AS unlimited,
            ${otherGroup} AS other_group, ${otherLine} AS other_line
     FROM ${t.limited_lease} l
     LEFT JOIN ${t.group_limit} g ON g.group_name = l.group_name
     LEFT JOIN ${t.subscription} s ON s.id = l.subscription_id
     LEFT JOIN ${t.message} m ON m.seq = l.seq
     WHERE ${unlimited} OR ${otherGroup} OR (${otherLine})`,
    [],
  );
  return rows.map((row) => ({
    group: row.group_name as Buffer,
    subscriptionId: Number(row.subscription_id),
    seq: Number(row.seq),
    bizId: (row.biz_id as Buffer | null) ?? undefined,
    unlimited: isTrue(row.unlimited),
    otherGroup: isTrue(row.other_group),
    otherLine: isTrue(row.other_line),
  }));
}
