import { type Connection, microseconds, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import type { Lease } from './acknowledge.js';
import { deleteBySeq } from './delete-by-seq.js';
import { placeOf } from './delivery-place.js';

/**
 * Moves of a delivery between tables. Each runs in one transaction: lock by id, insert by id, delete by id. Selecting
 * by a condition twice lost a message that came to meet it in between.
 */

/** What a failed attempt leaves behind on the delivery. */
export interface AttemptRecord {
  failures: number;
  lostLeases: number;
  errors: Buffer | null;
}

/** Locks the delivery if the caller still holds it. */
export async function lockHeld({ dialect, tables }: Database, on: Connection, held: Lease): Promise<boolean> {
  const { table, where, values } = placeOf(tables, held);
  const rows = await read(
    on,
    `SELECT 1 AS held FROM ${table} WHERE ${where} AND token = ?${dialect.forUpdate}`,
    [...values, held.token],
  );
  return rows.length === 1;
}

/**
 * A delivery with an ordering key that is to be had again after `delayMs`: it stays where it is, and what follows it waits
 * with it. By primary key. @returns whether the lease still held
 */
export async function postponeKeyed(
  { dialect, tables }: Database,
  on: Connection,
  held: Lease,
  { failures, lostLeases, errors }: AttemptRecord,
  delayMs: number,
): Promise<boolean> {
  const { table, where, values } = placeOf(tables, held);
  const { affected } = await write(
    on,
    `UPDATE ${table} SET token = NULL, available_at = ${dialect.now} + ?, failures = ?, lost_leases = ?, errors = ?
     WHERE ${where} AND token = ?`,
    [microseconds(delayMs), failures, lostLeases, errors, ...values, held.token],
  );
  return affected === 1;
}

/** A delivery that is to be had again after `delayMs`. */
export async function insertWaiting(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, seq }: { subscriptionId: number; seq: number },
  { failures, lostLeases, errors }: AttemptRecord,
  delayMs: number,
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.waiting} (subscription_id, due_at, seq, failures, lost_leases, errors)
     VALUES (?, ${dialect.now} + ?, ?, ?, ?, ?)`,
    [subscriptionId, microseconds(delayMs), seq, failures, lostLeases, errors],
  );
}

/** A delivery that is to be had at once. */
export async function insertReady(
  { tables }: Database,
  on: Connection,
  { subscriptionId, seq }: { subscriptionId: number; seq: number },
  { failures, lostLeases, errors }: AttemptRecord,
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.delivery} (subscription_id, seq, failures, lost_leases, errors) VALUES (?, ?, ?, ?, ?)`,
    [subscriptionId, seq, failures, lostLeases, errors],
  );
}

/** A delivery at the end of the line of its key, to be had after `delayMs`. */
export async function insertKeyed(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, seq, orderingKey }: { subscriptionId: number; seq: number; orderingKey: Buffer },
  { failures, lostLeases, errors }: AttemptRecord,
  delayMs: number,
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.delivery_keyed} (subscription_id, ordering_key, seq, available_at, failures, lost_leases, errors)
     VALUES (?, ?, ?, ${dialect.now} + ?, ?, ?, ?)`,
    [subscriptionId, orderingKey, seq, microseconds(delayMs), failures, lostLeases, errors],
  );
}

export async function insertDeadLetter(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, seq }: { subscriptionId: number; seq: number },
  { failures, lostLeases, errors }: AttemptRecord,
  reason: string,
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.dead_letter} (subscription_id, seq, reason, failures, lost_leases, errors, dead_at)
     VALUES (?, ?, ?, ?, ?, ?, ${dialect.now})`,
    [subscriptionId, seq, Buffer.from(reason), failures, lostLeases, errors],
  );
}

/** Waiting deliveries whose time has come, locked. Primary key (subscription_id, due_at, seq): the rest is not looked at. */
export async function findDue(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, limit }: { subscriptionId: number; limit: number },
): Promise<number[]> {
  const rows = await read<{ seq: number | string }>(
    on,
    `SELECT seq FROM ${tables.waiting} WHERE subscription_id = ? AND due_at <= ${dialect.now}
     ORDER BY due_at, seq LIMIT ${limit}${dialect.forUpdateSkipLocked}`,
    [subscriptionId],
  );
  return rows.map(({ seq }) => Number(seq));
}

export async function insertDeliveriesFromWaiting(
  { tables }: Database,
  on: Connection,
  { subscriptionId, seqs }: { subscriptionId: number; seqs: readonly number[] },
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.delivery} (subscription_id, seq, failures, lost_leases, errors)
     SELECT subscription_id, seq, failures, lost_leases, errors FROM ${tables.waiting}
     WHERE subscription_id = ? AND seq IN (${placeholders(seqs.length)})`,
    [subscriptionId, ...seqs],
  );
}

export async function deleteWaiting(
  database: Database,
  on: Connection,
  { subscriptionId, seqs }: { subscriptionId: number; seqs: readonly number[] },
): Promise<void> {
  const owner = { column: 'subscription_id', id: subscriptionId } as const;
  await deleteBySeq(database, on, database.tables.waiting, seqs, { owner });
}
