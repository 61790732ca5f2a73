import { type Connection, placeholders, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/** Dedup rows that are old enough to go. */

export interface ForgettableRow {
  bizId: Buffer;
  /** Microseconds since 1970 UTC. */
  createdAt: number;
}

interface Forgettable {
  scenarioId: number;
  /** Noted before this, in microseconds since 1970 UTC. */
  before: number;
}

/**
 * The row of a work that tore its own transaction stays until somebody has put its effect right: it has neither a message
 * nor a result.
 */
const NOT_TORN = 'NOT (seq = 0 AND result IS NULL)';

/**
 * The oldest of them behind `after`, locked. Along the index (scenario_id, created_at), which has the biz-id at its end;
 * what isn't old enough is not looked at. A row that a consumer looks at is passed over, so this waits for nobody; and
 * what has locked all of its rows deletes them without waiting either.
 */
export async function lockForgettable(
  { dialect, tables }: Database,
  on: Connection,
  { scenarioId, before, after, limit }: Forgettable & { after: ForgettableRow | undefined; limit: number },
): Promise<ForgettableRow[]> {
  const behind = after ? ' AND created_at >= ? AND (created_at > ? OR biz_id > ?)' : '';
  const rows = await read<{ biz_id: Buffer; created_at: number | string }>(
    on,
    `SELECT biz_id, created_at FROM ${tables.dedup}
     WHERE scenario_id = ? AND created_at < ?${behind} AND ${NOT_TORN}
     ORDER BY created_at, biz_id LIMIT ${limit}${dialect.forUpdateSkipLocked}`,
    [scenarioId, before, ...(after ? [after.createdAt, after.createdAt, after.bizId] : [])],
  );
  return rows.map(({ biz_id, created_at }) => ({ bizId: biz_id, createdAt: Number(created_at) }));
}

/**
 * Those that were locked. Each is looked up by its whole key: with `IN (…)` MySQL and MariaDB scan a short table from end
 * to end, and wait there for the uncommitted rows of whoever is consuming.
 */
export async function deleteDedup(
  { dialect, tables }: Database,
  on: Connection,
  scenarioId: number,
  bizIds: readonly Buffer[],
): Promise<number> {
  if (dialect.engine !== 'mysql') {
    const sql = `DELETE FROM ${tables.dedup} WHERE scenario_id = ? AND biz_id IN (${placeholders(bizIds.length)})`;
    return (await write(on, sql, [scenarioId, ...bizIds])).affected;
  }
  const keys = JSON.stringify(bizIds.map((bizId) => [scenarioId, bizId.toString('hex')]));
  const { affected } = await write(
    on,
    `DELETE d FROM JSON_TABLE(?, '$[*]' COLUMNS (scenario INT UNSIGNED PATH '$[0]', biz VARCHAR(510) PATH '$[1]')) k
     STRAIGHT_JOIN ${tables.dedup} d ON d.scenario_id = k.scenario AND d.biz_id = UNHEX(k.biz)`,
    [keys],
  );
  return affected;
}

/** Reads every row of the scenario: for a report. */
export async function countDedup(
  { tables }: Database,
  on: Connection,
  { scenarioId, before }: { scenarioId: number; before: number | undefined },
): Promise<{ rows: number; forgettable: number }> {
  const rows = await read<{ n: number | string; forgettable: number | string | null }>(
    on,
    `SELECT COUNT(*) AS n, SUM(CASE WHEN created_at < ? AND ${NOT_TORN} THEN 1 ELSE 0 END) AS forgettable
     FROM ${tables.dedup} WHERE scenario_id = ?`,
    [before ?? 0, scenarioId],
  );
  return { rows: Number(rows[0]?.n), forgettable: Number(rows[0]?.forgettable ?? 0) };
}

/** How many of these biz-ids have a row that is old enough. By primary key. */
export async function countForgettableAmong(
  { tables }: Database,
  on: Connection,
  { scenarioId, before }: Forgettable,
  bizIds: readonly Buffer[],
): Promise<number> {
  if (bizIds.length === 0) return 0;
  const rows = await read<{ n: number | string }>(
    on,
    `SELECT COUNT(*) AS n FROM ${tables.dedup}
     WHERE scenario_id = ? AND created_at < ? AND ${NOT_TORN} AND biz_id IN (${placeholders(bizIds.length)})`,
    [scenarioId, before, ...bizIds],
  );
  return Number(rows[0]?.n);
}
