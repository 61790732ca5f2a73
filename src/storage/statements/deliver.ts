import { type Connection, microseconds, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import { type DeliveryKey, placeOfAll } from './delivery-place.js';

/** Step 4, the broker delivers: finding, leasing and reading what a subscription may have. */

export interface Claimer {
  subscriptionId: number;
  /** Its group is limited, and the claim has locked the limit: see limits.ts. */
  limited: boolean;
}

export interface ClaimableRow extends DeliveryKey {
  /** Its lease ran out: the process that held it died or stalled. */
  leaseExpired: boolean;
  failures: number;
  lostLeases: number;
  errors: Buffer | null;
}

/**
 * What is available behind the cursor, locked for the claim. Scans the primary key (subscription_id, seq) and stops at
 * the limit, so the length of the backlog doesn't matter.
 */
export async function findClaimable(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, after, limit, limited }: Claimer & { after: number; limit: number },
): Promise<ClaimableRow[]> {
  const rows = await read<RawClaimable>(
    on,
    `SELECT ${CLAIMABLE} FROM ${tables.delivery}
     WHERE subscription_id = ? AND seq > ? AND available_at <= ${dialect.now} AND ${isServed(tables, limited)}
     ORDER BY seq LIMIT ${limit}${dialect.forUpdateSkipLocked}`,
    [subscriptionId, after, subscriptionId],
  );
  return rows.map(toClaimable);
}

/** That one delivery, locked, if it is available. */
export async function findClaimableBySeq(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, seq, limited }: Claimer & { seq: number },
): Promise<ClaimableRow | undefined> {
  const rows = await read<RawClaimable>(
    on,
    `SELECT ${CLAIMABLE} FROM ${tables.delivery}
     WHERE subscription_id = ? AND seq = ? AND available_at <= ${dialect.now}
       AND ${isServed(tables, limited)}${dialect.forUpdateSkipLocked}`,
    [subscriptionId, seq, subscriptionId],
  );
  return rows.map(toClaimable)[0];
}

/**
 * What an idle worker asks, without locking: whether a claim would find anything, but for limits; whether anything that
 * waits is due; whether there is anything with an ordering key; whether its group is limited, by the primary keys of subscriptions and
 * of limits; and whether it is gone.
 */
export async function findWork(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, after }: { subscriptionId: number; after: number },
): Promise<{ claimable: boolean; keyed: boolean; due: boolean; limited: boolean; removed: boolean }> {
  const rows = await read<
    Record<'claimable' | 'keyed' | 'served' | 'due' | 'limited' | 'here', number | string>
  >(
    on,
    `SELECT EXISTS (SELECT 1 FROM ${tables.delivery}
                    WHERE subscription_id = ? AND seq > ? AND available_at <= ${dialect.now}) AS claimable,
            EXISTS (SELECT 1 FROM ${tables.delivery_keyed} WHERE subscription_id = ?) AS keyed,
            ${isServed(tables, true)} AS served,
            EXISTS (SELECT 1 FROM ${tables.waiting} WHERE subscription_id = ? AND due_at <= ${dialect.now}) AS due,
            EXISTS (SELECT 1 FROM ${tables.subscription} s JOIN ${tables.group_limit} l ON l.group_name = s.group_name
                    WHERE s.id = ?) AS limited,
            (SELECT COUNT(*) FROM ${tables.subscription} WHERE id = ? AND removed = 0) AS here`,
    [subscriptionId, after, ...Array<number>(5).fill(subscriptionId)],
  );
  const { claimable, keyed, served, due, limited, here } = rows[0]!;
  const removed = Number(here) === 0;
  return {
    claimable: Number(claimable) === 1 && Number(served) === 1,
    keyed: Number(keyed) === 1 && Number(served) === 1,
    due: Number(due) === 1 && !removed,
    limited: Number(limited) === 1,
    removed,
  };
}

/** Gives what was found and locked, all in one table, to the holder of the token. A token still there is a lease that ran out. */
export async function leaseDeliveries(
  database: Database,
  on: Connection,
  lease: { subscriptionId: number; those: readonly DeliveryKey[]; token: Buffer; leaseMs: number },
): Promise<void> {
  const { table, where, values } = placeOfAll(database, lease.subscriptionId, lease.those);
  await write(
    on,
    // lost_leases comes first: MySQL evaluates the assignments from left to right, on what the former have changed.
    `UPDATE ${table}
     SET lost_leases = lost_leases + CASE WHEN token IS NULL THEN 0 ELSE 1 END, token = ?, available_at = ${database.dialect.now} + ?
     WHERE ${where}`,
    [lease.token, microseconds(lease.leaseMs), ...values],
  );
}

export interface StoredMessage {
  seq: number;
  innerMsgId: Buffer;
  bizId: Buffer;
  body: Buffer;
  headers: Buffer | null;
  /** Microseconds since 1970 UTC, by the database's clock. */
  landedAt: number;
  /** How long ago that was at the time of reading, in milliseconds; negative when the clock was set back since. */
  ageMs: number;
  /** From the time of reading; undefined when it never expires. */
  expiresInMs: number | undefined;
}

/** How many bytes each message has, before it is known how many of them are to be read. */
export async function readMessageSizes(
  { dialect, tables }: Database,
  on: Connection,
  seqs: readonly number[],
): Promise<Map<number, number>> {
  const rows = await read<{ seq: number | string; size: number | string }>(
    on,
    `SELECT seq, LENGTH(${dialect.body}) + COALESCE(LENGTH(headers), 0) AS size FROM ${tables.message}
     WHERE seq IN (${placeholders(seqs.length)})`,
    [...seqs],
  );
  return new Map(rows.map(({ seq, size }) => [Number(seq), Number(size)]));
}

/** Apart from the claim: MariaDB would lock the messages with the deliveries, and two groups would hide them from each other. */
export async function readMessages(
  { dialect, tables }: Database,
  on: Connection,
  seqs: readonly number[],
): Promise<StoredMessage[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT seq, inner_msg_id, biz_id, ${dialect.body}, headers, landed_at, ${dialect.now} - landed_at AS age,
            expires_at - ${dialect.now} AS expires_in
     FROM ${tables.message}
     WHERE seq IN (${placeholders(seqs.length)})`,
    [...seqs],
  );
  return rows.map((row) => ({
    seq: Number(row.seq),
    innerMsgId: row.inner_msg_id as Buffer,
    bizId: row.biz_id as Buffer,
    body: row.body as Buffer,
    headers: row.headers as Buffer | null,
    landedAt: Number(row.landed_at),
    ageMs: Number(row.age) / 1000,
    expiresInMs: row.expires_in === null ? undefined : Number(row.expires_in) / 1000,
  }));
}

/**
 * A group that is paused, or was removed, is given nothing; nor is one that is limited, by a claim that does not know of it
 * yet, and would hand out what nobody counts. By primary keys, and never locked.
 */
export function isServed(
  { subscription, paused, group_limit }: Database['tables'],
  limited: boolean,
): string {
  const unlimited = ` AND NOT EXISTS (SELECT 1 FROM ${group_limit} l WHERE l.group_name = s.group_name)`;
  return `(SELECT COUNT(*) FROM ${subscription} s WHERE s.id = ? AND s.removed = 0
           AND NOT EXISTS (SELECT 1 FROM ${paused} p WHERE p.subscription_id = s.id)${limited ? '' : unlimited}) = 1`;
}

export const CLAIMABLE = 'seq, token IS NOT NULL AS lease_expired, failures, lost_leases, errors';

interface RawClaimable {
  seq: number | string;
  lease_expired: number | string;
  failures: number;
  lost_leases: number;
  errors: Buffer | null;
  ordering_key?: Buffer;
}

export function toClaimable(row: RawClaimable): ClaimableRow {
  return {
    seq: Number(row.seq),
    orderingKey: row.ordering_key,
    leaseExpired: Number(row.lease_expired) === 1,
    failures: Number(row.failures),
    lostLeases: Number(row.lost_leases),
    errors: row.errors,
  };
}
