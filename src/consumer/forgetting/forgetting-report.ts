import {
  type LibraryConnections,
  type ScenarioKind,
  type ScenarioRow,
  countDedup,
  countForgettableAmong,
} from '../../storage/index.js';
import { bizIdsOf } from './forget-scenario.js';
import { KNOWN_BY_NAME, type Inquiry, type Unanswered } from './inquiry.js';

/** What is remembered of a scenario, and what would be forgotten of it now. */
export interface ScenarioReport {
  /** As in the table of scenarios: `consumer/12:card-issuing/17:payment.succeeded`, or `named/…`. */
  scenario: string;
  kind: ScenarioKind;
  /** Milliseconds. */
  retentionMs: number;
  /** Dedup rows. */
  rows: number;
  /** Rows that a `forget()` would delete now. */
  wouldGo: number;
  /** Rows that are old enough, and stay because a message with their biz-id waits somewhere. */
  kept: number;
  /** Whatever can still come has landed after this, but for what waits; undefined: nobody can say. */
  watermark: Date | undefined;
  /** The watermark of the last `forget()`; undefined: there was none. */
  mark: Date | undefined;
  /** What keeps the watermark back, or everything from being forgotten; undefined: nothing does. */
  heldBackBy: string | undefined;
}

export async function reportOn(
  connections: LibraryConnections,
  inquired: Inquiry | Unanswered,
  retentionMs: number,
): Promise<ScenarioReport> {
  const { database } = connections;
  const { scenario } = inquired;
  const common = { ...namesOf(scenario), retentionMs, mark: dateOf(scenario.mark) };
  if ('reason' in inquired) {
    const { rows } = await connections.control((on) =>
      countDedup(database, on, { scenarioId: scenario.id, before: undefined }),
    );
    return { ...common, rows, wouldGo: 0, kept: 0, watermark: undefined, heldBackBy: inquired.error };
  }
  const { watermark, sources } = inquired;
  const old = { scenarioId: scenario.id, before: watermark.at - retentionMs * 1000 };
  const waiting = [...bizIdsOf(sources)].map((hex) => Buffer.from(hex, 'hex'));
  const { rows, forgettable } = await connections.control((on) => countDedup(database, on, old));
  let kept = 0;
  for (let from = 0; from < waiting.length; from += KNOWN_BY_NAME) {
    const some = waiting.slice(from, from + KNOWN_BY_NAME);
    kept += await connections.control((on) => countForgettableAmong(database, on, old, some));
  }
  return {
    ...common,
    rows,
    wouldGo: forgettable - kept,
    kept,
    watermark: dateOf(watermark.at),
    heldBackBy: inWords(watermark.heldBackBy),
  };
}

function namesOf({ name, kind }: ScenarioRow) {
  return { scenario: name, kind };
}

function inWords(heldBackBy: Inquiry['watermark']['heldBackBy']): string | undefined {
  if (!heldBackBy) return undefined;
  const { topic, group, by } = heldBackBy;
  return by === 'oldest'
    ? `the oldest message that is ready or leased for group ${group} of ${topic}`
    : `more messages that wait (for their time, as dead letters, parked, quarantined) for group ${group} of ${topic} than are kept track of one by one`;
}

function dateOf(at: number | undefined): Date | undefined {
  return at === undefined ? undefined : new Date(at / 1000);
}
