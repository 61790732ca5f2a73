import { setTimeout as pause } from 'node:timers/promises';
import type { Pair } from './databases/pair.js';
import { FaultCounts } from './fault-counts.js';
import type { Fleet } from './fleet/fleet.js';
import type { Slot } from './fleet/slot.js';
import { KINDS, killAs } from './kill.js';
import type { Seeded } from './seeded.js';
import { Successors } from './successors.js';

/** Pauses between two kills, in milliseconds: some shorter than a lease, some longer. */
const PAUSE_MS = { least: 300, most: 4_000 };

/** kill -9 for one or the other instance of the service in turn, each replaced at once. One of them is up at any time. */
export async function killInstances(
  fleet: Fleet,
  { rawBroker }: Pair,
  size: number,
  chance: Seeded,
): Promise<FaultCounts> {
  const instances = fleet.of('instance');
  const kinds = instances.every(({ ways }) => ways.length > 0) ? KINDS : (['plain'] as const);
  // Each of them dies in each way.
  const turns = Array.from({ length: size }, (_, turn) => ({
    slot: instances[turn % instances.length]!,
    kind: kinds[Math.floor(turn / instances.length) % kinds.length]!,
  }));
  const faults = new FaultCounts();
  for (const what of [...instances.map(({ name }) => name), ...kinds]) faults.want(`kill ${what}`, 0);
  for (const { slot, kind } of turns) for (const what of [slot.name, kind]) faults.want(`kill ${what}`);
  const successors = new Successors(faults, size, chance.child('successors'));
  // Not before it is dead: what waits because of it waits by now.
  const note = async ({ name }: Slot) =>
    void (await rawBroker.query('INSERT INTO killing (process) VALUES (?)', [name]));
  for (const { slot, kind } of turns) {
    for (const instance of instances) await instance.ready();
    await pause(chance.between(PAUSE_MS.least, PAUSE_MS.most));
    if (!(await killAs(slot, kind, chance))) continue;
    await note(slot);
    for (const what of [slot.name, kind]) faults.count(`kill ${what}`);
    await successors.start(slot, () => note(slot));
  }
  for (const instance of instances) await instance.ready();
  return faults;
}
