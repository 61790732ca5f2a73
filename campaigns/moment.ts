import { setTimeout as pause } from 'node:timers/promises';
import { STALL_MS } from './commit.js';
import type { Fleet } from './fleet/fleet.js';
import type { Place } from './proxy/transaction-watch.js';
import type { Seeded } from './seeded.js';

/** How long everybody works before it, in milliseconds. */
const WORK_MS = { least: 300, most: 3_000 };
/** How long after a COMMIT has been sent it comes at most, in milliseconds. */
const BEHIND_MS = 3;

/**
 * When a server is to die.
 *
 * @param place while a COMMIT is under way there; undefined: at any time
 * @returns false when nobody commits there any more
 */
export async function moment(fleet: Fleet, place: Place | undefined, chance: Seeded): Promise<boolean> {
  await pause(chance.between(WORK_MS.least, WORK_MS.most));
  if (!place) return true;
  const behind = Math.floor(chance.between(0, BEHIND_MS + 1));
  if (!(await fleet.nextCommit(place, STALL_MS))) return false;
  if (behind > 0) await pause(behind);
  return true;
}
