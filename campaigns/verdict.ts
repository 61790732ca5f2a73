import type { Findings } from './checker/findings.js';
import type { ChunkOutcome } from './chunk.js';
import type { Variant } from './variants/variant.js';

/** `void`: a fault happened less often than it was to, or there was nothing to judge, so nothing was shown. */
export type Verdict = 'ok' | 'damaged' | 'void' | 'caught' | 'not-caught';

export const STATUS: Record<Verdict, number> = { ok: 0, caught: 0, damaged: 1, 'not-caught': 1, void: 2 };

/** What was found counts also where a fault is missing. */
export function verdictOf({ findings, faults, judged, publishes }: ChunkOutcome, variant?: Variant): Verdict {
  const isVoid = missingIn({ faults, judged, publishes }).length > 0;
  if (variant) {
    if (findings[variant.damage].length > 0) return 'caught';
    return isVoid || variant.control ? 'void' : 'not-caught';
  }
  if (Object.values(findings).some((ids: string[]) => ids.length > 0)) return 'damaged';
  return isVoid ? 'void' : 'ok';
}

/** What a run did not have that it was to show something of. */
export function missingIn({
  faults,
  judged,
  publishes,
}: Pick<ChunkOutcome, 'faults' | 'judged' | 'publishes'>): string[] {
  const counts = [['acknowledged payments', publishes.acknowledged] as const, ...judged];
  return [...faults.missing, ...counts.filter(([, count]) => count === 0).map(([what]) => what)];
}

/** The first few of each kind, with the biz-ids. */
export function describe(findings: Findings, most = 10): string[] {
  return Object.entries(findings).flatMap(([kind, ids]: [string, string[]]) => [
    ...ids.slice(0, most).map((id) => `  ${kind}: ${id}`),
    ...(ids.length > most ? [`  ${kind}: … and ${ids.length - most} more`] : []),
  ]);
}
