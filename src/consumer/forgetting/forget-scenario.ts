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
  const spared = await connections.controlTransaction((on) => raiseMark(database, on, inquiry));
  return spared ? deleteRows(connections, inquiry, { retentionMs, spared }, signal) : 0;
}

/**
 * Where the mark is this far already (another sweeper's, or one that died before it had deleted everything), it stays, with
 * what is kept by name: what this inquiry knows must not take the place of what may be newer.
 *
 * @returns biz-ids that are kept besides those that wait, in hexadecimal digits; undefined where nothing may go: the
 * scenario has got another source meanwhile, or is further by the broker's clock
 */
async function raiseMark(
  database: LibraryConnections['database'],
  on: Connection,
  { scenario, sources, watermark, askedAt }: Inquiry,
): Promise<Set<string> | undefined> {
  const { id } = scenario;
  const locked = await lockScenario(database, on, id);
  if (!locked || locked.kind !== scenario.kind) return undefined;
  const current = await listSources(database, on, id);
  if (!areSame(current, sources)) return undefined;
  const keptAlready = async () =>
    new Set((await listKept(database, on, id)).map(({ bizId }) => bizId.toString('hex')));
  if (locked.mark !== undefined && locked.mark >= watermark.at) return keptAlready();
  // Those are exact, while the own clock's is early by the time that the answer took: which of two is further, they tell.
  const marks = sources.map(({ source, answer }) => ({
    ...source,
    mark: byBrokersClock(watermark.at, askedAt, answer.now),
  }));
  if (marks.some((source) => source.mark < (markIn(current, source) ?? 0))) return undefined;
  const kept = keptOf(
    { sources, current, isFirst: locked.mark === undefined },
    await listKept(database, on, id),
  );
  await deleteKept(database, on, id);
  for (let from = 0; from < kept.length; from += KEPT_BATCH)
    await insertKept(database, on, id, kept.slice(from, from + KEPT_BATCH));
  for (const source of marks) await setSourceMark(database, on, source);
  await setScenarioMark(database, on, id, watermark.at);
  // All of them wait.
  return new Set();
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
  { retentionMs, spared }: { retentionMs: number; spared: ReadonlySet<string> },
  signal?: AbortSignal,
): Promise<number> {
  const { database } = connections;
  const scenarioId = scenario.id;
  const before = watermark.at - retentionMs * 1000;
  const waiting = new Set([...bizIdsOf(sources), ...spared]);
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
  return a.id === b.id;
}

function markIn(sources: readonly ScenarioSource[], wanted: ScenarioSource): number | undefined {
  return sources.find((source) => isSame(source, wanted))?.mark;
}

function areSame(current: readonly ScenarioSource[], asked: Inquiry['sources']): boolean {
  return (
    current.length === asked.length && asked.every(({ source }) => current.some((at) => isSame(at, source)))
  );
}
