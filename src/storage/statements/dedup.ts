import { type Connection, type WriteResult, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/** The receiving business's dedup log: one row for each biz-id that took effect in a scenario. */

export interface DedupKey {
  scenarioId: number;
  bizId: Buffer;
}

/** Stands in place of a result from the first statement of a transaction to its last; see {@link insertDedup}. */
const UNFINISHED = Buffer.of(0);
const DONE = Buffer.alloc(0);

export interface DedupRow {
  token: Buffer;
  /** The message that took effect, and the source that it came from; both are 0 where there was none (IdempotentExecutor). */
  seq: number;
  sourceId: number;
  /** When it was noted, by this database's clock. */
  createdAt: Date;
  /** Of the body that took effect; null where nobody asked for it. */
  fingerprint: Buffer | null;
  result: Buffer | null;
  /** Its transaction was committed by something else than its own last statement. */
  unfinished: boolean;
}

/** What a dedup row says beside its key. */
export interface NewDedup {
  token: Buffer;
  seq: number;
  sourceId: number;
  fingerprint?: Buffer | undefined;
  unfinished?: boolean;
}

/**
 * A plain INSERT: INSERT IGNORE would hide a truncated key, and ON DUPLICATE KEY UPDATE answers a duplicate like a first
 * insert, because mysql2 asks for found rows.
 *
 * Where the broker has another database, no ACK rides on the COMMIT: then the row is `unfinished` until the transaction's
 * last statement, {@link markDone}.
 *
 * @returns the answer, or undefined when the key is there already (whose table's key it was is for the caller to see)
 */
export async function insertDedup(
  { dialect, tables }: Database,
  on: Connection,
  { scenarioId, bizId }: DedupKey,
  { token, seq, sourceId, fingerprint, unfinished = false }: NewDedup,
): Promise<WriteResult | undefined> {
  const optional: [string, Buffer][] = [];
  if (fingerprint) optional.push(['fingerprint', fingerprint]);
  if (unfinished) optional.push(['result', UNFINISHED]);
  const columns = ['created_at', ...optional.map(([name]) => name)].join(', ');
  const given = [dialect.now, ...optional.map(() => '?')].join(', ');
  const insert = `INSERT INTO ${tables.dedup} (scenario_id, biz_id, token, seq, source_id, ${columns}) VALUES (?, ?, ?, ?, ?, ${given})`;
  const values = [scenarioId, bizId, token, seq, sourceId, ...optional.map(([, value]) => value)];
  // Elsewhere it has no such faults; and on PostgreSQL an error would abort the transaction.
  if (dialect.engine !== 'mysql') {
    const result = await write(on, `${insert} ON CONFLICT DO NOTHING`, values);
    return result.affected === 1 ? result : undefined;
  }
  try {
    return await write(on, insert, values);
  } catch (error) {
    if (dialect.isDuplicateKey(error)) return undefined;
    throw error;
  }
}

/**
 * The same of several, which stand or fall together, in the order of their keys: two that insert crossing sets of keys in
 * other orders deadlock.
 *
 * @returns the answer, or undefined when one of the keys is there already, and so none was inserted
 */
export async function insertDedups(
  { dialect, tables }: Database,
  on: Connection,
  scenarioId: number,
  rows: readonly (NewDedup & Pick<DedupKey, 'bizId'>)[],
): Promise<WriteResult | undefined> {
  const sorted = [...rows].sort((one, other) => Buffer.compare(one.bizId, other.bizId));
  const insert =
    `INSERT INTO ${tables.dedup} (scenario_id, biz_id, token, seq, source_id, created_at, fingerprint, result) ` +
    `VALUES ${sorted.map(() => `(?, ?, ?, ?, ?, ${dialect.now}, ?, ?)`).join(', ')}`;
  const values = sorted.flatMap(({ bizId, token, seq, sourceId, fingerprint = null, unfinished }) => [
    ...[scenarioId, bizId, token, seq, sourceId],
    ...[fingerprint, unfinished ? UNFINISHED : null],
  ]);
  if (dialect.errorsAbort) return insertAllOrNone({ tables }, on, { insert, values }, scenarioId, rows);
  try {
    return await write(on, insert, values);
  } catch (error) {
    if (dialect.isDuplicateKey(error)) return undefined;
    throw error;
  }
}

/** Without an error that would abort the transaction: where not all could be inserted, those that were are taken back. */
async function insertAllOrNone(
  { tables }: Pick<Database, 'tables'>,
  on: Connection,
  { insert, values }: { insert: string; values: unknown[] },
  scenarioId: number,
  rows: readonly (NewDedup & Pick<DedupKey, 'bizId'>)[],
): Promise<WriteResult | undefined> {
  const result = await write(on, `${insert} ON CONFLICT DO NOTHING`, values);
  if (result.affected === rows.length) return result;
  const those = rows.map(() => '(biz_id = ? AND token = ?)').join(' OR ');
  const keys = rows.flatMap(({ bizId, token }) => [bizId, token]);
  await write(on, `DELETE FROM ${tables.dedup} WHERE scenario_id = ? AND (${those})`, [scenarioId, ...keys]);
  return undefined;
}

/** Which of these biz-ids are in the dedup log. */
export async function findTakenBizIds(
  { dialect, tables }: Database,
  on: Connection,
  scenarioId: number,
  bizIds: readonly Buffer[],
): Promise<Buffer[]> {
  // As digits, because the app's own `typeCast` may read bytes as text.
  const rows = await read<{ biz_id: string }>(
    on,
    `SELECT ${dialect.hex('biz_id')} AS biz_id FROM ${tables.dedup} WHERE scenario_id = ? AND biz_id IN (${placeholders(bizIds.length)})`,
    [scenarioId, ...bizIds],
  );
  return rows.map(({ biz_id }) => Buffer.from(biz_id, 'hex'));
}

/**
 * At READ COMMITTED the winner's row is visible after the loser's INSERT. Bytes come as hexadecimal digits, because on a
 * handler's connection the app's own `typeCast` may read them as text of some character set. CASE, because SQLite's HEX(NULL) is an empty text.
 */
export async function readDedup(
  { dialect, tables }: Database,
  on: Connection,
  { scenarioId, bizId }: DedupKey,
): Promise<DedupRow | undefined> {
  const rows = await read<{
    token: string;
    seq: number | string;
    source_id: number | string;
    created_at: number | string;
    fingerprint: string | null;
    result: string | null;
  }>(
    on,
    `SELECT ${dialect.hex('token')} AS token, seq, source_id, created_at,
            CASE WHEN fingerprint IS NULL THEN NULL ELSE ${dialect.hex('fingerprint')} END AS fingerprint,
            CASE WHEN result IS NULL THEN NULL ELSE ${dialect.hex('result')} END AS result
     FROM ${tables.dedup} WHERE scenario_id = ? AND biz_id = ?`,
    [scenarioId, bizId],
  );
  const bytes = (hex: string) => Buffer.from(hex, 'hex');
  return rows.map(({ token, seq, source_id, created_at, fingerprint, result }) => {
    const stored = result === null ? null : bytes(result);
    const unfinished = stored?.equals(UNFINISHED) ?? false;
    return {
      token: bytes(token),
      seq: Number(seq),
      sourceId: Number(source_id),
      createdAt: new Date(Number(created_at) / 1000),
      fingerprint: fingerprint === null ? null : bytes(fingerprint),
      result: unfinished ? null : stored,
      unfinished,
    };
  })[0];
}

/** Rows of one transaction, which have one token. */
export interface MarkedRows {
  scenarioId: number;
  bizIds: readonly Buffer[];
  token: Buffer;
}

/** Of work that has not begun, though something else has made its rows durable. */
export async function takeBackDedups(
  { tables }: Database,
  on: Connection,
  { scenarioId, bizIds, token }: MarkedRows,
): Promise<WriteResult> {
  return write(
    on,
    `DELETE FROM ${tables.dedup} WHERE scenario_id = ? AND biz_id IN (${placeholders(bizIds.length)}) AND token = ?`,
    [scenarioId, ...bizIds, token],
  );
}

/** Marks the rows anew, in the transaction that follows one which may have made them durable. So many rows are there. */
export async function replaceDedupToken(
  { tables }: Database,
  on: Connection,
  { scenarioId, bizIds, token }: MarkedRows,
  next: Buffer,
): Promise<WriteResult> {
  return write(
    on,
    `UPDATE ${tables.dedup} SET token = ? WHERE scenario_id = ? AND biz_id IN (${placeholders(bizIds.length)}) AND token = ?`,
    [next, scenarioId, ...bizIds, token],
  );
}

/**
 * The witness where the broker has another database: the last statement before COMMIT. One row means that the dedup row of
 * this very attempt is there, and that it and the effect stand or fall together.
 */
export async function markDone(
  database: Database,
  on: Connection,
  key: DedupKey,
  token: Buffer,
): Promise<WriteResult> {
  return recordResult(database, on, key, { token, result: DONE });
}

/** The same of several: as many rows as there are keys mean that they are all there. */
export async function markAllDone(
  { tables }: Database,
  on: Connection,
  { scenarioId, bizIds, token }: MarkedRows,
): Promise<WriteResult> {
  return write(
    on,
    `UPDATE ${tables.dedup} SET result = ? WHERE scenario_id = ? AND biz_id IN (${placeholders(bizIds.length)}) AND token = ?`,
    [DONE, scenarioId, ...bizIds, token],
  );
}

/**
 * The witness of work that no delivery stands behind: it stores the result only on the row of this very attempt, so one
 * row means that the row and the effect stand or fall together.
 */
export async function recordResult(
  { tables }: Database,
  on: Connection,
  { scenarioId, bizId }: DedupKey,
  { token, result }: { token: Buffer; result: Buffer },
): Promise<WriteResult> {
  return write(
    on,
    `UPDATE ${tables.dedup} SET result = ? WHERE scenario_id = ? AND biz_id = ? AND token = ?`,
    [result, scenarioId, bizId, token],
  );
}
