import { setTimeout as pause } from 'node:timers/promises';
import { STALL_MS } from './commit.js';
import { FaultCounts } from './fault-counts.js';
import type { Fleet } from './fleet/fleet.js';
import { killSome } from './kill.js';
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
  const rounds: FaultCounts[] = [];
  const roles = new Set(fleet.slots.map(({ role }) => role)).size;
  for (let done = 0; done < size; done += A_ROUND) {
    await happened(faults, done);
    rounds.push(await killSome(fleet, KILLS_A_ROLE * roles, chance.child(`round ${done}`)));
  }
  await happened(faults, size);
  faults.calmDown();
  const onWire = FaultCounts.told([
    ...Object.entries(faults.counts),
    ['delayed until nobody waited', faults.late],
  ]);
  for (const kind of Object.keys(faults.counts)) onWire.want(kind, size);
  return FaultCounts.sum([...rounds, onWire]);
}

/** Resolves when each kind has happened so often; or when none happens any more, which makes the run void. */
async function happened(faults: WireFaults, ofEach: number): Promise<void> {
  let last = { total: faults.total, at: performance.now() };
  while (faults.least < ofEach && performance.now() - last.at < STALL_MS) {
    await pause(LOOK_MS);
    if (faults.total > last.total) last = { total: faults.total, at: performance.now() };
  }
}
