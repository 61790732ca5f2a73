import { type Connection, microseconds, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import { type ClaimableRow, CLAIMABLE, toClaimable } from './deliver.js';
import { type DeliveryKey, placeOfAll } from './delivery-place.js';

/**
 * What claims were answered that came over a network, where an answer may get lost: who asks again is given the same, and
 * nothing is leased to nobody.
 */

export interface ClaimRow {
  claimId: Buffer;
  subscriptionId: number;
  /** The answer is of no use to anybody for longer than the leases in it. */
  leaseMs: number;
}

/**
 * The first statement of a claim: whoever repeats it waits here until the first one has ended. As its last one it would
 * come too late: a repeat passes over the rows that the first has locked, and would find neither them nor an answer.
 *
 * @throws the engine's duplicate key where the claim was answered before
 */
export async function insertClaim(
  { dialect, tables }: Database,
  on: Connection,
  { claimId, subscriptionId, leaseMs }: ClaimRow,
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.claim_answer} (claim_id, subscription_id, expires_at) VALUES (?, ?, ${dialect.now} + ?)`,
    [claimId, subscriptionId, microseconds(leaseMs)],
  );
}

/** In the claim's transaction, when it is known what is leased. */
export async function noteAnswer(
  { tables }: Database,
  on: Connection,
  claimId: Buffer,
  answer: Buffer,
): Promise<void> {
  await write(on, `UPDATE ${tables.claim_answer} SET answer = ? WHERE claim_id = ?`, [answer, claimId]);
}

/** By primary key; locked, so that it is not given up at the same moment. Undefined: there was no such claim, or it is forgotten. */
export async function lockAnswer(
  { dialect, tables }: Database,
  on: Connection,
  claimId: Buffer,
): Promise<{ subscriptionId: number; answer: Buffer | null } | undefined> {
  const rows = await read<{ subscription_id: number | string; answer: Buffer | null }>(
    on,
    `SELECT subscription_id, answer FROM ${tables.claim_answer} WHERE claim_id = ?${dialect.forUpdate}`,
    [claimId],
  );
  return rows.map((row) => ({ subscriptionId: Number(row.subscription_id), answer: row.answer }))[0];
}

/** Of these deliveries, all in one table, those that the claim still has. Primary keys. */
export async function findStillClaimed(
  database: Database,
  on: Connection,
  {
    subscriptionId,
    those,
    claimId,
  }: { subscriptionId: number; those: readonly DeliveryKey[]; claimId: Buffer },
): Promise<ClaimableRow[]> {
  const { table, where, values } = placeOfAll(database, subscriptionId, those);
  const key = those[0]?.orderingKey ? ', ordering_key' : '';
  const rows = await read<Parameters<typeof toClaimable>[0]>(
    on,
    `SELECT ${CLAIMABLE}${key} FROM ${table} WHERE ${where} AND token = ?`,
    [...values, claimId],
  );
  return rows.map(toClaimable);
}

/** The oldest ones, along the index on expires_at. */
export async function findExpiredClaims(
  { dialect, tables }: Database,
  on: Connection,
  { olderThanMs, limit }: { olderThanMs: number; limit: number },
): Promise<Buffer[]> {
  const rows = await read<{ claim_id: Buffer }>(
    on,
    `SELECT claim_id FROM ${tables.claim_answer} WHERE expires_at < ${dialect.now} - ? ORDER BY expires_at LIMIT ${limit}`,
    [microseconds(olderThanMs)],
  );
  return rows.map(({ claim_id }) => claim_id);
}

/** By primary key: see deleteBySeq for what `IN (…)` does to a short table. */
export async function deleteClaims(
  { dialect, tables }: Database,
  on: Connection,
  claimIds: readonly Buffer[],
): Promise<void> {
  if (dialect.engine !== 'mysql') {
    const sql = `DELETE FROM ${tables.claim_answer} WHERE claim_id IN (${placeholders(claimIds.length)})`;
    await write(on, sql, [...claimIds]);
    return;
  }
  await write(
    on,
    `DELETE d FROM JSON_TABLE(?, '$[*]' COLUMNS (id CHAR(32) CHARACTER SET latin1 PATH '$')) k
     STRAIGHT_JOIN ${tables.claim_answer} d ON d.claim_id = UNHEX(k.id)`,
    [JSON.stringify(claimIds.map((id) => id.toString('hex')))],
  );
}
