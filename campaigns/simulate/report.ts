import type { Findings } from './check.js';
import type { SeedOutcome } from './seed.js';

/** What many seeds came to. */
export interface Course {
  seeds: number;
  happenings: number;
  simulatedMs: number;
  counts: Map<string, number>;
  /** Of all their traces. */
  hash: string;
}

const EVENT = 'event: ';

export function wrongsOf({ findings }: Pick<SeedOutcome, 'findings'>): string[] {
  return Object.entries(findings as Findings & Record<string, string[]>).flatMap(([kind, ones]) =>
    ones.map((one) => `${kind}: ${one}`),
  );
}

export function linesOf({ seeds, happenings, simulatedMs, counts, hash }: Course, tookMs: number): string[] {
  const sorted = [...counts].sort(([one], [other]) => (one < other ? -1 : 1));
  const list = (entries: typeof sorted) => entries.map(([what, count]) => `${what} ${count}`).join(', ');
  return [
    `${Math.round(tookMs / 1000)} s, ${Math.round((seeds * 1000) / tookMs)} seeds a second; ${happenings} happenings, ${Math.round(simulatedMs / 86_400_000)} days of the simulation's own time`,
    `faults: ${list(sorted.filter(([what]) => !what.startsWith(EVENT)))}`,
    `led to: ${list(sorted.filter(([what]) => what.startsWith(EVENT)).map(([what, count]) => [what.slice(EVENT.length), count]))}`,
    `course: ${hash}`,
  ];
}
