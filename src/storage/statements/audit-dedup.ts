import { type Connection, isTrue, placeholders, read } from '../execute.js';
import type { Database } from '../tables.js';

/** What an audit asks of the dedup log and of what its rows name. By primary keys, without locks. */

/** The next scenario behind this one that has rows. The end of a range of the primary key is one look-up. */
export async function findNextScenario(
  { tables }: Database,
  on: Connection,
  after: number,
): Promise<number | undefined> {
  const rows = await read<{ id: number | string | null }>(
    on,
    `SELECT MIN(scenario_id) AS id FROM ${tables.dedup} WHERE scenario_id > ?`,
    [after],
  );
  const id = rows[0]?.id;
  return id === null || id === undefined ? undefined : Number(id);
}

/** Along the primary key. */
export async function listDedupAfter(
  { tables }: Database,
  on: Connection,
  { scenarioId, after, limit }: { scenarioId: number; after: Buffer; limit: number },
): Promise<Buffer[]> {
  const rows = await read<{ biz_id: Buffer }>(
    on,
    `SELECT biz_id FROM ${tables.dedup} WHERE scenario_id = ? AND biz_id > ? ORDER BY biz_id LIMIT ${limit}`,
    [scenarioId, after],
  );
  return rows.map(({ biz_id }) => biz_id);
}

export interface JudgedDedup {
  bizId: Buffer;
  seq: number;
  sourceId: number;
  scenarioMissing: boolean;
  /** It names a source that is not there, or another scenario's. */
  sourceWrong: boolean;
  /** It has a message and no source, or a source and no message. */
  halfNamed: boolean;
  /** Its transaction was ended by something else than its own last statement. */
  unfinished: boolean;
  /** It has no result: a delivery that took effect in the broker's own database has none, and nothing else. */
  withoutResult: boolean;
  /** Whose message it is of. */
  broker: Buffer | undefined;
  subscriptionId: number | undefined;
}

export async function judgeDedup(
  { tables: t }: Database,
  on: Connection,
  { scenarioId, bizIds }: { scenarioId: number; bizIds: readonly Buffer[] },
): Promise<JudgedDedup[]> {
  const rows = await read<Record<string, number | string | Buffer | null>>(
    on,
    `SELECT k.biz_id, k.seq, k.source_id, s.id IS NULL AS scenario_missing,
            k.source_id <> 0 AND (o.id IS NULL OR o.scenario_id <> k.scenario_id) AS source_wrong,
            (k.seq = 0) <> (k.source_id = 0) AS half_named,
            k.result IS NULL AS without_result, k.result = ? AS unfinished, o.broker, o.subscription_id
     FROM ${t.dedup} k
     LEFT JOIN ${t.scenario} s ON s.id = k.scenario_id
     LEFT JOIN ${t.scenario_source} o ON o.id = k.source_id
     WHERE k.scenario_id = ? AND k.biz_id IN (${placeholders(bizIds.length)})`,
    [Buffer.of(0), scenarioId, ...bizIds],
  );
  return rows.map((row) => ({
    bizId: row.biz_id as Buffer,
    seq: Number(row.seq),
    sourceId: Number(row.source_id),
    scenarioMissing: isTrue(row.scenario_missing),
    sourceWrong: isTrue(row.source_wrong),
    halfNamed: isTrue(row.half_named),
    unfinished: isTrue(row.unfinished),
    withoutResult: isTrue(row.without_result),
    broker: (row.broker as Buffer | null) ?? undefined,
    subscriptionId: row.subscription_id === null ? undefined : Number(row.subscription_id),
  }));
}

/** Those of these biz-ids that have a row. */
export async function findKnownBizIds(
  { tables }: Database,
  on: Connection,
  { scenarioId, bizIds }: { scenarioId: number; bizIds: readonly Buffer[] },
): Promise<Buffer[]> {
  const rows = await read<{ biz_id: Buffer }>(
    on,
    `SELECT biz_id FROM ${tables.dedup} WHERE scenario_id = ? AND biz_id IN (${placeholders(bizIds.length)})`,
    [scenarioId, ...bizIds],
  );
  return rows.map(({ biz_id }) => biz_id);
}

/** Tables whose rows name a scenario, beside the dedup log; each is short. */
export const OF_SCENARIO = ['dedup_kept', 'scenario_source', 'scenario_contract'] as const;
export type OfScenario = (typeof OF_SCENARIO)[number];

/** Scenarios that rows of the table name and that are not there. */
export async function findMissingScenarios(
  { tables: t }: Database,
  on: Connection,
  table: OfScenario,
): Promise<{ scenarioId: number; rows: number }[]> {
  const rows = await read<{ scenario_id: number | string; n: number | string }>(
    on,
    `SELECT x.scenario_id, COUNT(*) AS n FROM ${t[table]} x LEFT JOIN ${t.scenario} s ON s.id = x.scenario_id
     WHERE s.id IS NULL GROUP BY x.scenario_id ORDER BY x.scenario_id`,
    [],
  );
  return rows.map(({ scenario_id, n }) => ({ scenarioId: Number(scenario_id), rows: Number(n) }));
}

/** Scenarios of which biz-ids are kept by name, as nothing but a mark does, and that have none. One statement: both are one commit. */
export async function findKeptWithoutMark(
  { tables: t }: Database,
  on: Connection,
): Promise<{ scenarioId: number; name: Buffer }[]> {
  const rows = await read<{ id: number | string; name: Buffer }>(
    on,
    `SELECT s.id, s.name FROM ${t.scenario} s
     WHERE s.mark IS NULL AND EXISTS (SELECT 1 FROM ${t.dedup_kept} k WHERE k.scenario_id = s.id) ORDER BY s.id`,
    [],
  );
  return rows.map(({ id, name }) => ({ scenarioId: Number(id), name }));
}

export interface CurrentSource {
  id: number;
  scenarioId: number;
  broker: Buffer;
  subscriptionId: number;
  topic: Buffer;
  group: Buffer;
  /** Another current one of the scenario is of the same group, topic and broker. */
  doubled: boolean;
  /** The scenario has a mark and it has none, or the other way round: both are one commit. */
  halfMarked: boolean;
}

/** All that something can still come from: few. */
export async function judgeSources({ tables: t }: Database, on: Connection): Promise<CurrentSource[]> {
  const rows = await read<Record<string, number | string | Buffer | null>>(
    on,
    `SELECT o.id, o.scenario_id, o.broker, o.subscription_id, o.topic, o.group_name,
            EXISTS (SELECT 1 FROM ${t.scenario_source} e
                    WHERE e.scenario_id = o.scenario_id AND e.broker = o.broker AND e.topic = o.topic
                      AND e.group_name = o.group_name AND e.former = 0 AND e.id < o.id) AS doubled,
            s.id IS NOT NULL AND (s.mark IS NULL) <> (o.mark IS NULL) AS half_marked
     FROM ${t.scenario_source} o LEFT JOIN ${t.scenario} s ON s.id = o.scenario_id
     WHERE o.former = 0 ORDER BY o.id`,
    [],
  );
  return rows.map((row) => ({
    id: Number(row.id),
    scenarioId: Number(row.scenario_id),
    broker: row.broker as Buffer,
    subscriptionId: Number(row.subscription_id),
    topic: row.topic as Buffer,
    group: row.group_name as Buffer,
    doubled: isTrue(row.doubled),
    halfMarked: isTrue(row.half_marked),
  }));
}
