import { type Connection, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/** Dead letters as operators see them. A dead letter keeps its message from being deleted. */

export interface DeadLetterRow {
  /** Undefined for a message that no group ever took. */
  group: string | undefined;
  topic: string;
  subscriptionId: number;
  seq: number;
  bizId: string;
  reason: string;
  failures: number;
  lostLeases: number;
  errors: Buffer | null;
  /** Microseconds since 1970 UTC. */
  deadAt: number;
  landedAt: number;
}

export async function listDeadLetters(
  { tables }: Database,
  on: Connection,
  { limit }: { limit: number },
): Promise<DeadLetterRow[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT dl.subscription_id, dl.seq, dl.reason, dl.failures, dl.lost_leases, dl.errors, dl.dead_at,
            s.group_name, t.name AS topic_name, m.biz_id, m.landed_at
     FROM ${tables.dead_letter} dl
     JOIN ${tables.message} m ON m.seq = dl.seq
     JOIN ${tables.topic} t ON t.id = m.topic_id
     LEFT JOIN ${tables.subscription} s ON s.id = dl.subscription_id
     ORDER BY dl.dead_at DESC, dl.seq DESC LIMIT ${limit}`,
    [],
  );
  return rows.map((row) => ({
    group: row.group_name === null ? undefined : text(row.group_name),
    topic: text(row.topic_name),
    subscriptionId: Number(row.subscription_id),
    seq: Number(row.seq),
    bizId: text(row.biz_id),
    reason: text(row.reason),
    failures: Number(row.failures),
    lostLeases: Number(row.lost_leases),
    errors: row.errors as Buffer | null,
    deadAt: Number(row.dead_at),
    landedAt: Number(row.landed_at),
  }));
}

export async function lockDeadLetter(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, seq }: { subscriptionId: number; seq: number },
): Promise<boolean> {
  const rows = await read(
    on,
    `SELECT 1 AS found FROM ${tables.dead_letter} WHERE subscription_id = ? AND seq = ?${dialect.forUpdate}`,
    [subscriptionId, seq],
  );
  return rows.length === 1;
}

/** Back to where it was claimed from, under its old number, with its failures forgiven and its history kept. */
export async function insertDeliveryFromDeadLetter(
  { tables }: Database,
  on: Connection,
  { subscriptionId, seq }: { subscriptionId: number; seq: number },
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.delivery} (subscription_id, seq, errors)
     SELECT subscription_id, seq, errors FROM ${tables.dead_letter} WHERE subscription_id = ? AND seq = ?`,
    [subscriptionId, seq],
  );
}

export async function deleteDeadLetter(
  { tables }: Database,
  on: Connection,
  { subscriptionId, seq }: { subscriptionId: number; seq: number },
): Promise<void> {
  await write(on, `DELETE FROM ${tables.dead_letter} WHERE subscription_id = ? AND seq = ?`, [
    subscriptionId,
    seq,
  ]);
}

function text(value: unknown): string {
  return (value as Buffer).toString('utf8');
}
