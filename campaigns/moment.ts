import { setTimeout as pause } from 'node:timers/promises';
import { STALL_MS } from './commit.js';
import type { Fleet } from './fleet/fleet.js';
import type { Place } from './proxy/transaction-watch.js';
import type { Seeded } from './seeded.js';

/** How long everybody works before it, in milliseconds. */
const WORK_MS = { least: 300, most: 3_000 };
/**
 * When a server is to die.
 *
 * @param place right after a COMMIT has been sent there; undefined: at any time
 * @param behindMs how long after that
 * @returns false when nobody commits there any more
 */
export async function moment(
  fleet: Fleet,
  place: Place | undefined,
  chance: Seeded,
  behindMs: { least: number; most: number },
): Promise<boolean> {
  await pause(chance.between(WORK_MS.least, WORK_MS.most));
  if (!place) return true;
  const behind = Math.floor(chance.between(behindMs.least, behindMs.most + 1));
  if (!(await fleet.nextCommit(place, STALL_MS))) return false;
  if (behind > 0) await pause(behind);
  return true;
}
