import { type Connection, type WriteResult, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/** Step 5, the broker takes the ACK. Each statement is fenced by the lease token: who lost the lease changes nothing. */

/** A delivery as its holder names it. */
export interface Lease {
  subscriptionId: number;
  seq: number;
  token: Buffer;
}

/** @returns whether the lease still held */
export async function acknowledge(
  { tables }: Database,
  on: Connection,
  { subscriptionId, seq, token }: Lease,
): Promise<boolean> {
  const { affected } = await write(
    on,
    `DELETE FROM ${tables.delivery} WHERE subscription_id = ? AND seq = ? AND token = ?`,
    [subscriptionId, seq, token],
  );
  return affected === 1;
}

/**
 * The witness: the last statement before COMMIT, ACK and proof in one. It removes the delivery only if this attempt's
 * dedup row is still there, which it isn't when the transaction was rolled back behind the library's back. Primary keys
 * of both tables. One row means: the dedup row, the effect and the ACK stand or fall with the COMMIT that follows.
 */
export async function acknowledgeWithEffect(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, seq, token }: Lease,
  dedup: { scenarioId: number; bizId: Buffer; token: Buffer },
): Promise<WriteResult> {
  // The number stands beside the token, because one claim's deliveries share a token and may share a biz-id.
  const dedupRow = 'k.scenario_id = ? AND k.biz_id = ? AND k.token = ? AND k.seq = ?';
  const dedupValues = [dedup.scenarioId, dedup.bizId, dedup.token, seq];
  const deliveryValues = [subscriptionId, seq, token];
  if (dialect.engine === 'sqlite') {
    return write(
      on,
      `DELETE FROM ${tables.delivery} WHERE subscription_id = ? AND seq = ? AND token = ?
       AND EXISTS (SELECT 1 FROM ${tables.dedup} k WHERE ${dedupRow})`,
      [...deliveryValues, ...dedupValues],
    );
  }
  return write(
    on,
    `DELETE d FROM ${tables.delivery} d JOIN ${tables.dedup} k ON ${dedupRow}
     WHERE d.subscription_id = ? AND d.seq = ? AND d.token = ?`,
    [...dedupValues, ...deliveryValues],
  );
}

/** Renews every lease of this holder on these deliveries. A token among `tokens` is held by the caller, whichever it is. */
export async function extendLeases(
  { dialect, tables }: Database,
  on: Connection,
  held: {
    subscriptionId: number;
    seqs: readonly number[];
    tokens: readonly Buffer[];
    leaseMs: number;
  },
): Promise<void> {
  await write(
    on,
    `UPDATE ${tables.delivery} SET available_at = ${dialect.now} + ?
     WHERE subscription_id = ? AND seq IN (${placeholders(held.seqs.length)})
       AND token IN (${placeholders(held.tokens.length)})`,
    [held.leaseMs * 1000, held.subscriptionId, ...held.seqs, ...held.tokens],
  );
}

/** Which of these deliveries the caller still holds. */
export async function findHeld(
  { tables }: Database,
  on: Connection,
  held: { subscriptionId: number; seqs: readonly number[]; tokens: readonly Buffer[] },
): Promise<number[]> {
  const rows = await read<{ seq: number | string }>(
    on,
    `SELECT seq FROM ${tables.delivery}
     WHERE subscription_id = ? AND seq IN (${placeholders(held.seqs.length)})
       AND token IN (${placeholders(held.tokens.length)})`,
    [held.subscriptionId, ...held.seqs, ...held.tokens],
  );
  return rows.map(({ seq }) => Number(seq));
}

/** Hands a delivery back, to be had again after `delayMs`. It costs the delivery nothing. */
export async function giveBack(
  { dialect, tables }: Database,
  on: Connection,
  { subscriptionId, seq, token }: Lease,
  delayMs: number,
): Promise<boolean> {
  const { affected } = await write(
    on,
    `UPDATE ${tables.delivery} SET available_at = ${dialect.now} + ?, token = NULL
     WHERE subscription_id = ? AND seq = ? AND token = ?`,
    [delayMs * 1000, subscriptionId, seq, token],
  );
  return affected === 1;
}
