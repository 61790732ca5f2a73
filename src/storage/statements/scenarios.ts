import { type Connection, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/** Scenarios in the receiving business's database: whose biz-ids they hold, and how far they were forgotten. */

/** Of a scenario that is neither, nobody knows what may still come: it is never forgotten. */
export const SCENARIO_KIND = { unknown: 0, consumer: 1, executor: 2 } as const;

export type ScenarioKind = keyof typeof SCENARIO_KIND;

export interface ScenarioRow {
  id: number;
  name: string;
  kind: ScenarioKind;
  /** Rows may be gone that were noted their retention before this. Microseconds since 1970 UTC, by this database's clock. */
  mark: number | undefined;
  /** The longest time that any process has been set to keep its rows for, in milliseconds. */
  retentionMs: number | undefined;
}

/** A subscription whose messages a scenario judges. Its dedup rows name it by its id. */
export interface ScenarioSource {
  id: number;
  broker: Buffer;
  subscriptionId: number;
  topic: string;
  group: string;
  /** The scenario's mark by that broker's clock, in microseconds since 1970 UTC. It only rises. */
  mark: number | undefined;
}

export async function findScenario(
  { tables }: Database,
  on: Connection,
  name: string,
): Promise<ScenarioRow | undefined> {
  const rows = await read<RawScenario>(on, `SELECT ${COLUMNS} FROM ${tables.scenario} WHERE name = ?`, [
    Buffer.from(name),
  ]);
  return rows.map(toScenario)[0];
}

/** May fail on a duplicate key when another process was quicker: then it is there. */
export async function insertScenario(
  { tables }: Database,
  on: Connection,
  name: string,
  kind: ScenarioKind = 'unknown',
): Promise<void> {
  await write(on, `INSERT INTO ${tables.scenario} (name, kind) VALUES (?, ?)`, [
    Buffer.from(name),
    SCENARIO_KIND[kind],
  ]);
}

export async function listScenarios({ tables }: Database, on: Connection): Promise<ScenarioRow[]> {
  const rows = await read<RawScenario>(on, `SELECT ${COLUMNS} FROM ${tables.scenario} ORDER BY id`, []);
  return rows.map(toScenario);
}

/** Locked: whoever sets its mark, or adds a source, waits for the others. By primary key. */
export async function lockScenario(
  { dialect, tables }: Database,
  on: Connection,
  id: number,
): Promise<ScenarioRow | undefined> {
  const rows = await read<RawScenario>(
    on,
    `SELECT ${COLUMNS} FROM ${tables.scenario} WHERE id = ?${dialect.forUpdate}`,
    [id],
  );
  return rows.map(toScenario)[0];
}

export async function setScenarioKind(
  { tables }: Database,
  on: Connection,
  id: number,
  kind: ScenarioKind,
): Promise<void> {
  await write(on, `UPDATE ${tables.scenario} SET kind = ? WHERE id = ?`, [SCENARIO_KIND[kind], id]);
}

/** Never down: a process that was set up otherwise, or before, must not forget what another one has promised to know. */
export async function raiseRetention(
  { tables }: Database,
  on: Connection,
  id: number,
  retentionMs: number,
): Promise<void> {
  await write(
    on,
    `UPDATE ${tables.scenario} SET retention_ms = ? WHERE id = ? AND (retention_ms IS NULL OR retention_ms < ?)`,
    [retentionMs, id, retentionMs],
  );
}

export async function setScenarioMark(
  { tables }: Database,
  on: Connection,
  id: number,
  mark: number,
): Promise<void> {
  await write(on, `UPDATE ${tables.scenario} SET mark = ? WHERE id = ?`, [mark, id]);
}

/** Those that something can still come from. By the beginning of a key. */
export async function listSources(
  { tables }: Database,
  on: Connection,
  scenarioId: number,
): Promise<ScenarioSource[]> {
  const rows = await read<RawSource>(
    on,
    `SELECT ${SOURCE_COLUMNS} FROM ${tables.scenario_source}
     WHERE scenario_id = ? AND former = 0 ORDER BY broker, subscription_id`,
    [scenarioId],
  );
  return rows.map(toSource);
}

/** Also a former one. By a unique key. */
export async function findSourceOf(
  { tables }: Database,
  on: Connection,
  scenarioId: number,
  { broker, subscriptionId }: Pick<ScenarioSource, 'broker' | 'subscriptionId'>,
): Promise<(ScenarioSource & { former: boolean }) | undefined> {
  const rows = await read<RawSource>(
    on,
    `SELECT ${SOURCE_COLUMNS} FROM ${tables.scenario_source}
     WHERE scenario_id = ? AND broker = ? AND subscription_id = ?`,
    [scenarioId, broker, subscriptionId],
  );
  return rows.map((row) => ({ ...toSource(row), former: Number(row.former) === 1 }))[0];
}

/** By primary key. */
export async function findSource(
  { tables }: Database,
  on: Connection,
  id: number,
): Promise<ScenarioSource | undefined> {
  const rows = await read<RawSource>(
    on,
    `SELECT ${SOURCE_COLUMNS} FROM ${tables.scenario_source} WHERE id = ?`,
    [id],
  );
  return rows.map(toSource)[0];
}

/** The name of another scenario that judges what this group gets of this topic, the latest. Reads every source: few. */
export async function findOtherScenario(
  { tables }: Database,
  on: Connection,
  scenarioId: number,
  { broker, topic, group }: Pick<ScenarioSource, 'broker' | 'topic' | 'group'>,
): Promise<string | undefined> {
  const rows = await read<{ name: Buffer }>(
    on,
    `SELECT s.name FROM ${tables.scenario_source} o JOIN ${tables.scenario} s ON s.id = o.scenario_id
     WHERE o.broker = ? AND o.topic = ? AND o.group_name = ? AND o.scenario_id <> ? AND o.former = 0
     ORDER BY o.id DESC LIMIT 1`,
    [broker, Buffer.from(topic), Buffer.from(group), scenarioId],
  );
  return rows[0]?.name.toString();
}

export async function insertSource(
  { tables }: Database,
  on: Connection,
  scenarioId: number,
  { broker, subscriptionId, topic, group, mark }: Omit<ScenarioSource, 'id'>,
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.scenario_source} (scenario_id, broker, subscription_id, topic, group_name, mark)
     VALUES (?, ?, ?, ?, ?, ?)`,
    [scenarioId, broker, subscriptionId, Buffer.from(topic), Buffer.from(group), mark ?? null],
  );
}

/** Nothing comes from it any more; but the dedup log has rows of it. */
export async function setSourceFormer({ tables }: Database, on: Connection, id: number): Promise<void> {
  await write(on, `UPDATE ${tables.scenario_source} SET former = 1 WHERE id = ?`, [id]);
}

/** It is back, and goes by the mark that the scenario has now. */
export async function setSourceCurrent(
  { tables }: Database,
  on: Connection,
  id: number,
  mark: number | undefined,
): Promise<void> {
  await write(on, `UPDATE ${tables.scenario_source} SET former = 0, mark = ? WHERE id = ?`, [
    mark ?? null,
    id,
  ]);
}

export async function setSourceMark(
  { tables }: Database,
  on: Connection,
  { id, mark }: Pick<ScenarioSource, 'id' | 'mark'>,
): Promise<void> {
  await write(on, `UPDATE ${tables.scenario_source} SET mark = ? WHERE id = ?`, [mark, id]);
}

export interface MarkOfDelivery {
  /** Undefined as long as nothing of the scenario was forgotten. */
  mark: number | undefined;
  /** The same by the broker's clock; undefined also for a source that nobody has registered. */
  sourceMark: number | undefined;
  /** While this very message waited, its biz-id was not forgotten. */
  kept: boolean;
}

/**
 * What a delivery is judged by that found no dedup row. Sent after its own row is in: the mark is committed before a row
 * goes, so whoever finds a row gone reads a mark above it. One statement, by primary keys and without locks: a mark and
 * the exceptions of another one would not fit together.
 */
export async function readMark(
  { tables }: Database,
  on: Connection,
  of: { scenarioId: number; sourceId: number; bizId: Buffer; landedAt: number },
): Promise<MarkOfDelivery> {
  const rows = await read<Record<'mark' | 'source_mark' | 'kept', number | string | null>>(
    on,
    `SELECT s.mark AS mark, o.mark AS source_mark,
            EXISTS (SELECT 1 FROM ${tables.dedup_kept} k WHERE k.scenario_id = s.id AND k.biz_id = ? AND k.landed_at = ?) AS kept
     FROM ${tables.scenario} s
     LEFT JOIN ${tables.scenario_source} o ON o.id = ?
     WHERE s.id = ?`,
    [of.bizId, of.landedAt, of.sourceId, of.scenarioId],
  );
  const number = (value: number | string | null | undefined) =>
    value === null || value === undefined ? undefined : Number(value);
  return {
    mark: number(rows[0]?.mark),
    sourceMark: number(rows[0]?.source_mark),
    kept: Number(rows[0]?.kept) === 1,
  };
}

const COLUMNS = 'id, name, kind, mark, retention_ms';
const SOURCE_COLUMNS = 'id, broker, subscription_id, topic, group_name, mark, former';

interface RawScenario {
  id: number | string;
  name: Buffer;
  kind: number | string;
  mark: number | string | null;
  retention_ms: number | string | null;
}

function toScenario({ id, name, kind, mark, retention_ms }: RawScenario): ScenarioRow {
  const known = Object.entries(SCENARIO_KIND).find(([, number]) => number === Number(kind));
  return {
    id: Number(id),
    name: name.toString(),
    // A number of a later release is nothing that this one knows.
    kind: (known?.[0] ?? 'unknown') as ScenarioKind,
    mark: mark === null ? undefined : Number(mark),
    retentionMs: retention_ms === null ? undefined : Number(retention_ms),
  };
}

interface RawSource {
  id: number | string;
  broker: Buffer;
  subscription_id: number | string;
  topic: Buffer;
  group_name: Buffer;
  mark: number | string | null;
  former: number | string;
}

function toSource({ id, broker, subscription_id, topic, group_name, mark }: RawSource): ScenarioSource {
  return {
    id: Number(id),
    broker,
    subscriptionId: Number(subscription_id),
    topic: topic.toString(),
    group: group_name.toString(),
    mark: mark === null ? undefined : Number(mark),
  };
}
