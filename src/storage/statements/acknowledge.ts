import { type Connection, type WriteResult, microseconds, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';
import type { MarkedRows } from './dedup.js';
import { type DeliveryKey, placeOf, placeOfAll } from './delivery-place.js';

/** Step 5, the broker takes the ACK. Each statement is fenced by the lease token: who lost the lease changes nothing. */

/** A delivery as its holder names it. */
export interface Lease extends DeliveryKey {
  subscriptionId: number;
  token: Buffer;
}

/** @returns whether the lease still held */
export async function acknowledge({ tables }: Database, on: Connection, held: Lease): Promise<boolean> {
  const { table, where, values } = placeOf(tables, held);
  const { affected } = await write(on, `DELETE FROM ${table} WHERE ${where} AND token = ?`, [
    ...values,
    held.token,
  ]);
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
  held: Lease,
  dedup: { scenarioId: number; bizId: Buffer; token: Buffer },
): Promise<WriteResult> {
  // The number says of which of two copies it is.
  const dedupRow = 'k.scenario_id = ? AND k.biz_id = ? AND k.token = ? AND k.seq = ?';
  const dedupValues = [dedup.scenarioId, dedup.bizId, dedup.token, held.seq];
  const joins = dialect.engine === 'mysql';
  const { table, where, values } = placeOf(tables, held, joins ? 'd.' : '');
  if (!joins) {
    return write(
      on,
      `DELETE FROM ${table} WHERE ${where} AND token = ?
       AND EXISTS (SELECT 1 FROM ${tables.dedup} k WHERE ${dedupRow})`,
      [...values, held.token, ...dedupValues],
    );
  }
  return write(
    on,
    `DELETE d FROM ${table} d JOIN ${tables.dedup} k ON ${dedupRow}
     WHERE ${where} AND d.token = ?`,
    [...dedupValues, ...values, held.token],
  );
}

/**
 * The witness of several deliveries, all in one table, whose effects are one transaction. As many rows as there are
 * deliveries mean: all that, and the COMMIT, stand or fall together. A dedup row belongs to the delivery whose number it has.
 */
export async function acknowledgeAllWithEffects(
  database: Database,
  on: Connection,
  held: readonly (Lease & { bizId: Buffer })[],
  { scenarioId, token }: Pick<MarkedRows, 'scenarioId' | 'token'>,
): Promise<WriteResult> {
  const { subscriptionId } = held[0]!;
  const joins = database.dialect.engine === 'mysql';
  const { table, where, values } = placeOfAll(database, subscriptionId, held, joins ? 'd' : '');
  const d = joins ? 'd' : table;
  const { dedup } = database.tables;
  const dedupRow = `k.scenario_id = ? AND k.biz_id IN (${placeholders(held.length)}) AND k.token = ? AND k.seq = ${d}.seq`;
  const dedupValues = [scenarioId, ...held.map(({ bizId }) => bizId), token];
  const tokens = [...new Map(held.map((one) => [one.token.toString('hex'), one.token])).values()];
  const isHeld = `${where} AND ${d}.token IN (${placeholders(tokens.length)})`;
  const heldValues = [...values, ...tokens];
  if (!joins) {
    return write(
      on,
      `DELETE FROM ${table} WHERE ${isHeld} AND EXISTS (SELECT 1 FROM ${dedup} k WHERE ${dedupRow})`,
      [...heldValues, ...dedupValues],
    );
  }
  return write(on, `DELETE d FROM ${table} JOIN ${dedup} k ON ${dedupRow} WHERE ${isHeld}`, [
    ...dedupValues,
    ...heldValues,
  ]);
}

export interface HeldDeliveries {
  subscriptionId: number;
  /** All in one table. */
  those: readonly DeliveryKey[];
  tokens: readonly Buffer[];
}

/** Renews every lease of this holder on these deliveries. A token among `tokens` is held by the caller, whichever it is. */
export async function extendLeases(
  database: Database,
  on: Connection,
  { subscriptionId, those, tokens, leaseMs }: HeldDeliveries & { leaseMs: number },
): Promise<void> {
  const { table, where, values } = placeOfAll(database, subscriptionId, those);
  await write(
    on,
    `UPDATE ${table} SET available_at = ${database.dialect.now} + ?
     WHERE ${where} AND token IN (${placeholders(tokens.length)})`,
    [microseconds(leaseMs), ...values, ...tokens],
  );
}

/** Which of these deliveries the caller still holds, and by which of the tokens. */
export async function findHeld(
  database: Database,
  on: Connection,
  { subscriptionId, those, tokens }: HeldDeliveries,
): Promise<{ seq: number; token: Buffer }[]> {
  const { table, where, values } = placeOfAll(database, subscriptionId, those);
  const rows = await read<{ seq: number | string; token: Buffer }>(
    on,
    `SELECT seq, token FROM ${table} WHERE ${where} AND token IN (${placeholders(tokens.length)})`,
    [...values, ...tokens],
  );
  return rows.map(({ seq, token }) => ({ seq: Number(seq), token }));
}

/** Hands a delivery back, to be had again after `delayMs`. It costs the delivery nothing. */
export async function giveBack(
  { dialect, tables }: Database,
  on: Connection,
  held: Lease,
  delayMs: number,
): Promise<boolean> {
  const { table, where, values } = placeOf(tables, held);
  const { affected } = await write(
    on,
    `UPDATE ${table} SET available_at = ${dialect.now} + ?, token = NULL WHERE ${where} AND token = ?`,
    [microseconds(delayMs), ...values, held.token],
  );
  return affected === 1;
}
