import { setTimeout as pause } from 'node:timers/promises';
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
  const behind = Math.floor(chance.between(0, behindMs + 1));
  if (!(await fleet.nextCommit(when, STALL_MS))) return false;
  if (behind > 0) await pause(behind);
  return true;
}
