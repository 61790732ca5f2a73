import { type Connection, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/** Biz-ids of a scenario that are not forgotten, because a message of theirs still waits somewhere. */

export interface KeptRow {
  bizId: Buffer;
  /** When that message landed, by the broker's clock, in whole milliseconds (as microseconds since 1970 UTC). */
  landedAt: number;
}

/** By the beginning of the primary key. */
export async function listKept({ tables }: Database, on: Connection, scenarioId: number): Promise<KeptRow[]> {
  const rows = await read<{ biz_id: Buffer; landed_at: number | string }>(
    on,
    `SELECT biz_id, landed_at FROM ${tables.dedup_kept} WHERE scenario_id = ?`,
    [scenarioId],
  );
  return rows.map(({ biz_id, landed_at }) => ({ bizId: biz_id, landedAt: Number(landed_at) }));
}

/** In the transaction that has locked the scenario: nobody else writes there. */
export async function deleteKept({ tables }: Database, on: Connection, scenarioId: number): Promise<void> {
  await write(on, `DELETE FROM ${tables.dedup_kept} WHERE scenario_id = ?`, [scenarioId]);
}

/** At most as many as a statement takes: SQLite has 32,766 parameters. */
export async function insertKept(
  { tables }: Database,
  on: Connection,
  scenarioId: number,
  rows: readonly KeptRow[],
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.dedup_kept} (scenario_id, biz_id, landed_at)
     VALUES ${rows.map(() => '(?, ?, ?)').join(', ')}`,
    rows.flatMap(({ bizId, landedAt }) => [scenarioId, bizId, landedAt]),
  );
}
