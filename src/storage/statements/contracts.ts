import { type Connection, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/** How the biz-ids of each scenario's topics are, and were, read from their bodies. */

export interface ContractRow {
  hash: Buffer;
  /** The topic's `bizId` as text, for a person to read. */
  selector: string;
  /** When a process last started with it, or it was replaced. Microseconds since 1970 UTC, by this database's clock. */
  seenAt: number;
}

export interface ContractKey {
  scenarioId: number;
  topic: string;
}

/** By the beginning of the primary key, without locks. Newest first. */
export async function listContracts(
  { tables }: Database,
  on: Connection,
  { scenarioId, topic }: ContractKey,
): Promise<ContractRow[]> {
  const rows = await read<{ hash: Buffer; selector: Buffer; seen_at: number | string }>(
    on,
    `SELECT hash, selector, seen_at FROM ${tables.scenario_contract}
     WHERE scenario_id = ? AND topic = ? ORDER BY seen_at DESC`,
    [scenarioId, Buffer.from(topic)],
  );
  return rows.map(({ hash, selector, seen_at }) => ({
    hash,
    selector: selector.toString(),
    seenAt: Number(seen_at),
  }));
}

export async function insertContract(
  { tables }: Database,
  on: Connection,
  { scenarioId, topic }: ContractKey,
  { hash, selector, seenAt }: ContractRow,
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.scenario_contract} (scenario_id, topic, hash, selector, seen_at) VALUES (?, ?, ?, ?, ?)`,
    [scenarioId, Buffer.from(topic), hash, Buffer.from(selector), seenAt],
  );
}

/** By primary key. */
export async function setContractSeen(
  { tables }: Database,
  on: Connection,
  { scenarioId, topic }: ContractKey,
  { hash, seenAt }: Pick<ContractRow, 'hash' | 'seenAt'>,
): Promise<void> {
  await write(
    on,
    `UPDATE ${tables.scenario_contract} SET seen_at = ? WHERE scenario_id = ? AND topic = ? AND hash = ?`,
    [seenAt, scenarioId, Buffer.from(topic), hash],
  );
}
