import { type Connection, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import type { DeliveryTable } from './subscribe.js';

/** Groups as operators see them and steer them. */

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
    `SELECT s.id, t.name AS topic_name, s.group_name, s.version, s.paused, l.concurrency, l.per_second
     FROM ${tables.subscription} s JOIN ${tables.topic} t ON t.id = s.topic_id
     LEFT JOIN ${tables.group_limit} l ON l.group_name = s.group_name
     WHERE s.removed = 0 ORDER BY t.name, s.group_name`,
    [],
  );
  return rows.map((row) => ({
    subscriptionId: Number(row.id),
    topic: (row.topic_name as Buffer).toString('utf8'),
    group: (row.group_name as Buffer).toString('utf8'),
    version: Number(row.version),
    paused: Number(row.paused) === 1,
    limits: { concurrency: numberOrNull(row.concurrency), perSecond: numberOrNull(row.per_second) },
  }));
}

export async function groupOf(
  { tables }: Database,
  on: Connection,
  subscriptionId: number,
): Promise<string | undefined> {
  const rows = await read<{ group_name: Buffer }>(
    on,
    `SELECT group_name FROM ${tables.subscription} WHERE id = ?`,
    [subscriptionId],
  );
  return rows[0]?.group_name.toString('utf8');
}

/** How many rows each subscription has in the table. Reads all of its primary key. */
export async function countBySubscription(
  { tables }: Database,
  on: Connection,
  table: DeliveryTable,
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

export async function setPaused(
  { tables }: Database,
  on: Connection,
  { subscriptionId, paused }: { subscriptionId: number; paused: boolean },
): Promise<void> {
  await write(on, `UPDATE ${tables.subscription} SET paused = ? WHERE id = ?`, [
    paused ? 1 : 0,
    subscriptionId,
  ]);
}

function numberOrNull(value: unknown): number | null {
  return value === null ? null : Number(value);
}
