import { readFileSync, readdirSync } from 'node:fs';

/** CPU time by Linux's own count, in milliseconds; its clock has a tick of 10 ms. */

const TICK_MS = 10;

interface Process {
  parent: number;
  /** With that of children that have ended and were waited for. */
  ticks: number;
}

/** Of processes and all that they have started, as far as it is still below them. */
export function cpuMs(roots: readonly number[]): number {
  const all = processes();
  const wanted = new Set(roots);
  let ticks = 0;
  for (const [pid, { ticks: own }] of all) if (isBelow(pid, wanted, all)) ticks += own;
  return ticks * TICK_MS;
}

/** What the machine has done since it booted, on all of its cores. */
export function machineCpuMs(): number {
  const [user, nice, system, , , irq, softirq] = readFileSync('/proc/stat', 'utf8')
    .split('\n')[0]!
    .trim()
    .split(/\s+/)
    .slice(1)
    .map(Number) as [number, number, number, number, number, number, number];
  return (user + nice + system + irq + softirq) * TICK_MS;
}

function processes(): Map<number, Process> {
  const found = new Map<number, Process>();
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      // The name of the command, in brackets, may have anything in it.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const ticks = [11, 12, 13, 14].reduce((sum, i) => sum + Number(fields[i]), 0);
      found.set(Number(name), { parent: Number(fields[1]), ticks });
    } catch {
      // It has ended meanwhile.
    }
  }
  return found;
}

function isBelow(pid: number, roots: ReadonlySet<number>, all: ReadonlyMap<number, Process>): boolean {
  for (let at: number | undefined = pid; at; at = all.get(at)?.parent) if (roots.has(at)) return true;
  return false;
}
