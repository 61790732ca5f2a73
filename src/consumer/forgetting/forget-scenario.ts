import { setTimeout as pause } from 'node:timers/promises';
import {
  type Connection,
  type ForgettableRow,
  type KeptRow,
  type LibraryConnections,
  type ScenarioSource,
  deleteDedup,
  deleteKept,
  insertKept,
  listKept,
  listSources,
  lockForgettable,
  lockScenario,
  setScenarioMark,
  setSourceMark,
} from '../../storage/index.js';
import type { Inquiry } from './inquiry.js';
import { byBrokersClock, wholeMillisecond } from './watermark.js';

const BATCH = 500;
/** Between two batches, in milliseconds: consumers come first. */
const BREATH_MS = 20;
/** Rows of one INSERT. */
const KEPT_BATCH = 1_000;

/**
 * Forgets what is old enough, in two steps: the mark is committed before anything that is older goes. Whoever inserts a
 * biz-id after its row is gone reads a mark above it; the other way round it would take effect twice.
 *
 * @returns how many rows are gone
 */
export async function forgetScenario(
  connections: LibraryConnections,
  inquiry: Inquiry,
  retentionMs: number,
  signal?: AbortSignal,
): Promise<number> {
  const { database } = connections;
  const raised = await connections.controlTransaction((on) => raiseMark(database, on, inquiry));
  return raised ? deleteRows(connections, inquiry, retentionMs, signal) : 0;
}

/**
 * @returns false where another sweeper has been further, or the scenario has got another source meanwhile: what this one
 * knows must not take the place of what is newer
 */
async function raiseMark(
  database: LibraryConnections['database'],
  on: Connection,
  { scenario, sources, watermark, askedAt }: Inquiry,
): Promise<boolean> {
  const { id } = scenario;
  const locked = await lockScenario(database, on, id);
  if (!locked || locked.kind !== scenario.kind) return false;
  if (locked.mark !== undefined && locked.mark >= watermark.at) return false;
  const current = await listSources(database, on, id);
  if (!areSame(current, sources)) return false;
  // Those are exact, while the own clock's is early by the time that the answer took: which of two is further, they tell.
  const marks = sources.map(({ source, answer }) => ({
    ...source,
    mark: byBrokersClock(watermark.at, askedAt, answer.now),
  }));
  if (marks.some((source) => source.mark < (markIn(current, source) ?? 0))) return false;
  const kept = keptOf(
    { sources, current, isFirst: locked.mark === undefined },
    await listKept(database, on, id),
  );
  await deleteKept(database, on, id);
  for (let from = 0; from < kept.length; from += KEPT_BATCH)
    await insertKept(database, on, id, kept.slice(from, from + KEPT_BATCH));
  for (const source of marks) await setSourceMark(database, on, id, source);
  await setScenarioMark(database, on, id, watermark.at);
  return true;
}

/**
 * Whose biz-ids have not been forgotten since they landed: those that the former mark had not passed, and those that
 * it had passed and kept. A message that turns up below it (its publishing transaction was open for longer than the slack)
 * must not get in: the row of its biz-id may be gone.
 */
function keptOf(
  {
    sources,
    current,
    isFirst,
  }: { sources: Inquiry['sources']; current: readonly ScenarioSource[]; isFirst: boolean },
  formerly: readonly KeptRow[],
): KeptRow[] {
  const former = new Set(formerly.map(keyOf));
  const kept = new Map<string, KeptRow>();
  for (const { source, answer } of sources) {
    const passed = markIn(current, source);
    for (const { bizId, landedAt } of answer.waiting) {
      const row = { bizId, landedAt: wholeMillisecond(landedAt) };
      const isNotPassed = isFirst || (passed !== undefined && row.landedAt >= passed);
      if (isNotPassed || former.has(keyOf(row))) kept.set(keyOf(row), row);
    }
  }
  return [...kept.values()];
}

async function deleteRows(
  connections: LibraryConnections,
  { scenario, sources, watermark }: Inquiry,
  retentionMs: number,
  signal?: AbortSignal,
): Promise<number> {
  const { database } = connections;
  const scenarioId = scenario.id;
  const before = watermark.at - retentionMs * 1000;
  const waiting = bizIdsOf(sources);
  let forgotten = 0;
  let after: ForgettableRow | undefined;
  while (!signal?.aborted) {
    const batch = await connections.controlTransaction(async (on) => {
      const rows = await lockForgettable(database, on, { scenarioId, before, after, limit: BATCH });
      const gone = rows.map(({ bizId }) => bizId).filter((bizId) => !waiting.has(bizId.toString('hex')));
      return { rows, gone: gone.length > 0 ? await deleteDedup(database, on, scenarioId, gone) : 0 };
    });
    forgotten += batch.gone;
    after = batch.rows.at(-1);
    if (batch.rows.length < BATCH) break;
    if (signal) await pause(BREATH_MS, undefined, { signal, ref: false }).catch(() => undefined);
  }
  return forgotten;
}

/** In hexadecimal digits, so that a Set tells them apart. */
export function bizIdsOf(sources: Inquiry['sources']): Set<string> {
  return new Set(sources.flatMap(({ answer }) => answer.waiting.map(({ bizId }) => bizId.toString('hex'))));
}

function keyOf({ bizId, landedAt }: KeptRow): string {
  return `${landedAt} ${bizId.toString('hex')}`;
}

function isSame(a: ScenarioSource, b: ScenarioSource): boolean {
  return a.subscriptionId === b.subscriptionId && a.broker.equals(b.broker);
}

function markIn(sources: readonly ScenarioSource[], wanted: ScenarioSource): number | undefined {
  return sources.find((source) => isSame(source, wanted))?.mark;
}

function areSame(current: readonly ScenarioSource[], asked: Inquiry['sources']): boolean {
  return (
    current.length === asked.length && asked.every(({ source }) => current.some((at) => isSame(at, source)))
  );
}
