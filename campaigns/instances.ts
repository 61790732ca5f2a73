import { setTimeout as pause } from 'node:timers/promises';
import type { Pair } from './databases/pair.js';
import type { Fleet } from './fleet/fleet.js';
import { AT_START, type FaultCounts, KINDS, killAs } from './kill.js';
import type { Seeded } from './seeded.js';

/** Pauses between two kills, in milliseconds: some shorter than a lease, some longer. */
const PAUSE_MS = { least: 300, most: 4_000 };
/** How long one that is killed before it is ready has had for that. */
const START_MS = { least: 100, most: 900 };

/** kill -9 for one or the other instance of the service in turn, each replaced at once. One of them is up at any time. */
export async function killInstances(
  fleet: Fleet,
  { rawBroker }: Pair,
  size: number,
  chance: Seeded,
): Promise<FaultCounts> {
  const instances = fleet.of('instance');
  const kinds = instances.every(({ ways }) => ways.length > 0) ? KINDS : (['plain'] as const);
  const counts: FaultCounts = new Map(
    [...instances.map(({ name }) => name), ...kinds].map((what) => [`kill ${what}`, 0]),
  );
  let next = 0;
  for (let turn = 0; turn < size; turn++) {
    const isStarting = turn > 0 && chance.chance(AT_START);
    if (isStarting) {
      // The one that was killed last.
      next--;
      await pause(chance.between(START_MS.least, START_MS.most));
    } else {
      for (const instance of instances) await instance.ready();
      await pause(chance.between(PAUSE_MS.least, PAUSE_MS.most));
    }
    const slot = instances[next++ % instances.length]!;
    // Each of them dies in each way.
    const kind = kinds[Math.floor(turn / instances.length) % kinds.length]!;
    if (!(await killAs(slot, kind, chance))) continue;
    // Not before it is dead: what waits because of it waits by now.
    await rawBroker.query('INSERT INTO killing (process) VALUES (?)', [slot.name]);
    for (const what of [slot.name, kind]) counts.set(`kill ${what}`, counts.get(`kill ${what}`)! + 1);
    slot.start();
  }
  for (const instance of instances) await instance.ready();
  return counts;
}
