import { setImmediate as nextTurn, setTimeout as pause } from 'node:timers/promises';
import { STALL_MS } from './commit.js';
import type { Fleet } from './fleet/fleet.js';
import type { SeenCommit } from './proxy/commit-sight.js';
import type { Seeded } from './seeded.js';

/** How long everybody works before it, in milliseconds. */
const WORK_MS = { least: 300, most: 3_000 };

/**
 * When a server is to die.
 *
 * @param when somebody's COMMIT is just there; undefined: at any time
 * @param behindMs how long after that at most
 * @returns false when nobody commits there any more
 */
export async function moment(
  fleet: Fleet,
  when: SeenCommit | undefined,
  chance: Seeded,
  behindMs: number,
): Promise<boolean> {
  await pause(chance.between(WORK_MS.least, WORK_MS.most));
  if (!when) return true;
  // Most of them soon: where the log is in memory, a COMMIT takes a fraction of a millisecond.
  const behind = behindMs * chance.next() ** 3;
  if (!(await fleet.nextCommit(when, STALL_MS))) return false;
  // No timer is that exact.
  for (const due = performance.now() + behind; performance.now() < due;) await nextTurn();
  return true;
}
