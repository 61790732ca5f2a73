import { setImmediate as breath } from 'node:timers/promises';
import { type Batch, type Check, type Suspicion, BATCH } from './check.js';
import type { Finding, FindingKind } from './finding.js';

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

/** What one check has suspected each time that it looked: where to look again, by the suspicion's name. */
type Pending = Map<Batch<unknown>['within'], Map<string, unknown>>;

/**
 * Looks at everything once, and again at whatever was suspicious: what is suspected each time, of the same row, is wrong. It
 * only reads, at READ COMMITTED and batch by batch.
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
      for (const suspicion of await check.judge(batch)) note(pending, batch.within, suspicion);
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

/** @returns what is suspected still: what is so for the first time may be on its way */
async function lookAgain(
  check: Check,
  pending: Pending,
  found: (finding: Finding) => void,
): Promise<Pending> {
  const still: Pending = new Map();
  for (const [within, suspicions] of pending) {
    // A row may be suspected of several things.
    const all = [...new Map([...suspicions.values()].map((at) => [identity(at), at])).values()];
    for (let from = 0; from < all.length; from += BATCH) {
      for (const suspicion of await check.judge({ within, keys: all.slice(from, from + BATCH) })) {
        if (!suspicions.has(nameOf(suspicion))) continue;
        note(still, within, suspicion);
        found(suspicion.finding);
      }
    }
  }
  return still;
}

function note(pending: Pending, within: Batch<unknown>['within'], suspicion: Suspicion<unknown>): void {
  const suspicions = pending.get(within) ?? new Map<string, unknown>();
  pending.set(within, suspicions.set(nameOf(suspicion), suspicion.at));
}

/** A check may judge a table as a whole, so where it looks does not tell one suspicion from another. */
function nameOf({ finding: { kind, table, key } }: Suspicion<unknown>): string {
  const row = Object.entries(key).map(([column, value]) => [column, identity(value)]);
  return JSON.stringify([kind, table, row]);
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
