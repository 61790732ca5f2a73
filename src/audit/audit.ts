import { setImmediate as breath } from 'node:timers/promises';
import { type Batch, type Check, BATCH } from './check.js';
import { type Finding, type FindingKind } from './finding.js';

export interface AuditOptions {
  /** Findings of one kind that are kept; the others are counted. */
  limit: number;
  /** Between the first look and the second one, in milliseconds. */
  settleMs: number;
  /** Instead of the checks' own. Milliseconds. */
  patienceMs?: number | undefined;
  pause: (ms: number) => Promise<unknown>;
}

export interface FoundOfKind {
  count: number;
  /** The first ones. */
  findings: Finding[];
}

export interface AuditReport {
  found: Map<FindingKind, FoundOfKind>;
  /** Rows that were looked at; one that several checks look at counts each time. */
  looked: number;
}

/** Longest pause between two looks at what may still be put right, in milliseconds. */
const LONGEST_PAUSE_MS = 10_000;

/** What one check has found suspicious, for as long as it stays so. */
type Pending = Map<Batch<unknown>['within'], Map<string, unknown>>;

/**
 * Looks at everything once, and again at whatever was suspicious: what is found each time is wrong. It only reads, at READ
 * COMMITTED and batch by batch.
 */
export async function audit(checks: readonly Check[], options: AuditOptions): Promise<AuditReport> {
  const report: AuditReport = { found: new Map(), looked: 0 };
  const open: { check: Check; pending: Pending; patienceMs: number }[] = [];
  for (const check of checks) {
    const pending: Pending = new Map();
    for await (const batch of check.batches()) {
      report.looked += batch.keys.length;
      // SQLite answers at once: nothing else in this process would have its turn.
      await breath();
      for (const { at } of await check.judge(batch)) note(pending, batch.within, at);
    }
    const ownPatienceMs = check.patienceMs && (options.patienceMs ?? check.patienceMs());
    const patienceMs = Math.max(options.settleMs, ownPatienceMs ?? 0);
    if (pending.size > 0) open.push({ check, pending, patienceMs });
  }
  let waitedMs = 0;
  while (open.length > 0) {
    const nextMs = Math.min(...open.map(({ patienceMs }) => patienceMs)) - waitedMs;
    const pauseMs = Math.min(nextMs, waitedMs === 0 ? options.settleMs : LONGEST_PAUSE_MS);
    await options.pause(pauseMs);
    waitedMs += pauseMs;
    for (const one of [...open]) {
      const isLast = waitedMs >= one.patienceMs;
      one.pending = await lookAgain(one.check, one.pending, (finding) => {
        if (isLast) keep(report, finding, options.limit);
      });
      if (isLast || one.pending.size === 0) open.splice(open.indexOf(one), 1);
    }
  }
  return report;
}

/** @returns what is still suspicious */
async function lookAgain(
  check: Check,
  pending: Pending,
  found: (finding: Finding) => void,
): Promise<Pending> {
  const still: Pending = new Map();
  for (const [within, keys] of pending) {
    const all = [...keys.values()];
    for (let from = 0; from < all.length; from += BATCH) {
      for (const { at, finding } of await check.judge({ within, keys: all.slice(from, from + BATCH) })) {
        note(still, within, at);
        found(finding);
      }
    }
  }
  return still;
}

function note(pending: Pending, within: Batch<unknown>['within'], at: unknown): void {
  const keys = pending.get(within) ?? new Map<string, unknown>();
  pending.set(within, keys.set(identity(at), at));
}

function identity(key: unknown): string {
  if (Buffer.isBuffer(key)) return key.toString('hex');
  return JSON.stringify(key);
}

function keep(report: AuditReport, finding: Finding, limit: number): void {
  const known = report.found.get(finding.kind) ?? { count: 0, findings: [] };
  known.count++;
  if (known.findings.length < limit) known.findings.push(finding);
  report.found.set(finding.kind, known);
}
