import { setTimeout as pause } from 'node:timers/promises';
import { STALL_MS } from './commit.js';
import type { Fleet } from './fleet/fleet.js';
import { type FaultCounts, killSome } from './kill.js';
import type { WireFaults } from './proxy/wire-faults.js';
import type { Seeded } from './seeded.js';

/** So many faults of each kind between two rounds of kills. */
const A_ROUND = 20;
/** Kills of each role in a round: one of each kind. */
const KILLS_A_ROLE = 3;
const LOOK_MS = 100;

/** The network breaks requests and answers until each kind has happened often enough; and processes are killed meanwhile. */
export async function breakWire(
  fleet: Fleet,
  faults: WireFaults,
  size: number,
  chance: Seeded,
): Promise<FaultCounts> {
  const kills: FaultCounts = new Map();
  const roles = new Set(fleet.slots.map(({ role }) => role)).size;
  for (let done = 0; done < size; done += A_ROUND) {
    await happened(faults, done);
    const round = await killSome(fleet, KILLS_A_ROLE * roles, chance.child(`round ${done}`));
    for (const [what, count] of round) kills.set(what, (kills.get(what) ?? 0) + count);
  }
  await happened(faults, size);
  faults.calmDown();
  return new Map([...kills, ...Object.entries(faults.counts), ['delayed until nobody waited', faults.late]]);
}

/** Resolves when each kind has happened so often; or when none happens any more, which makes the run void. */
async function happened(faults: WireFaults, ofEach: number): Promise<void> {
  let last = { total: faults.total, at: performance.now() };
  while (faults.least < ofEach && performance.now() - last.at < STALL_MS) {
    await pause(LOOK_MS);
    if (faults.total > last.total) last = { total: faults.total, at: performance.now() };
  }
}
