import type { ChunkOutcome } from './chunk.js';
import type { ChunkId } from './log.js';
import { seedOf } from './plan.js';
import { type Verdict, missingIn } from './verdict.js';

/** What a chunk came to, for people. */
export function lineOf(id: ChunkId, verdict: Verdict, outcome: ChunkOutcome, tookMs: number): string {
  const { faults, publishes, effects, judged, longest, events, drainMs, findings, kept } = outcome;
  const others = new Map([...events].filter(([what]) => !faults.counts.has(what)));
  const missing = missingIn(outcome);
  const seconds = (ms: number) => `${Math.round(ms / 1000)} s`;
  const drained = drainMs === undefined ? 'did not get through' : `through after ${seconds(drainMs)}`;
  return [
    `${id.campaign} on ${id.engine}, shape ${id.shape}${id.variant ? `, ${id.variant}` : ''}${id.perTransaction ? `, ${id.perTransaction} a transaction` : ''}, seed ${seedOf(id)}: ${verdict.toUpperCase()} (${seconds(tookMs)})`,
    `  faults: ${listOf(faults.counts)}`,
    ...(missing.length > 0 ? [`  too few: ${missing.join(', ')}`] : []),
    `  payments: ${listOf(new Map(Object.entries(publishes)))}; effects ${effects}; ${drained}`,
    ...(judged.size > 0 ? [`  judged: ${listOf(judged)}`] : []),
    ...(longest.size > 0 ? [`  longest: ${listOf(longest)}`] : []),
    `  led to: ${listOf(others) || 'nothing'}`,
    `  ${listOf(new Map(Object.entries(findings).map(([kind, ids]: [string, string[]]) => [kind, ids.length])))}`,
    ...(kept ? [`  histories: ${kept}`] : []),
  ].join('\n');
}

function listOf(counts: ReadonlyMap<string, number>): string {
  return [...counts].map(([what, count]) => `${what} ${count}`).join(', ');
}
