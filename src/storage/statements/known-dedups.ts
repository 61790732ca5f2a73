import { type Connection, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/** Which databases the consumers of a subscription have written their dedup rows to. Not in the way of any message. */

export interface KnownDedupRow {
  /** The name of that database. */
  origin: Buffer;
  /** When a consumer with it has subscribed, in microseconds since 1970 UTC. */
  seenAt: number;
}

interface Key {
  subscriptionId: number;
  origin: Buffer;
}

/** The last one first. By the beginning of the primary key. */
export async function listKnownDedups(
  { tables }: Database,
  on: Connection,
  subscriptionId: number,
): Promise<KnownDedupRow[]> {
  const rows = await read<{ origin: Buffer; seen_at: unknown }>(
    on,
    `SELECT origin, seen_at FROM ${tables.known_dedup} WHERE subscription_id = ? ORDER BY seen_at DESC, origin`,
    [subscriptionId],
  );
  return rows.map(({ origin, seen_at }) => ({ origin, seenAt: Number(seen_at) }));
}

/** May fail on a duplicate key when another process was quicker: then it is there. */
export async function insertKnownDedup(
  { tables }: Database,
  on: Connection,
  { subscriptionId, origin }: Key,
  seenAt: number,
): Promise<void> {
  await write(on, `INSERT INTO ${tables.known_dedup} (subscription_id, origin, seen_at) VALUES (?, ?, ?)`, [
    subscriptionId,
    origin,
    seenAt,
  ]);
}

/** By primary key. @returns false when another process was quicker */
export async function setDedupSeen(
  { tables }: Database,
  on: Connection,
  { subscriptionId, origin }: Key,
  { was, seenAt }: { was: number; seenAt: number },
): Promise<boolean> {
  const { affected } = await write(
    on,
    `UPDATE ${tables.known_dedup} SET seen_at = ? WHERE subscription_id = ? AND origin = ? AND seen_at = ?`,
    [seenAt, subscriptionId, origin, was],
  );
  return affected > 0;
}

/** By the beginning of the primary key. */
export async function deleteKnownDedups(
  { tables }: Database,
  on: Connection,
  subscriptionId: number,
): Promise<void> {
  await write(on, `DELETE FROM ${tables.known_dedup} WHERE subscription_id = ?`, [subscriptionId]);
}
