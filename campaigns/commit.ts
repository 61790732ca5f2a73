import { setTimeout as pause } from 'node:timers/promises';
import type { Shape } from './databases/pair.js';
import { FaultCounts } from './fault-counts.js';
import type { Fleet } from './fleet/fleet.js';
import type { Slot } from './fleet/slot.js';
import type { Death, Role } from './processes/task.js';
import { type CommitFaults, placesOf } from './proxy/commit-faults.js';
import type { Place } from './proxy/transaction-watch.js';
import type { Seeded } from './seeded.js';

/** Without a fault for so long, none will come any more. Milliseconds. */
export const STALL_MS = 90_000;

/** On a server: the proxies break COMMITs until each kind has happened often enough at each place. */
export async function breakCommits(losses: CommitFaults): Promise<FaultCounts> {
  losses.active = true;
  let last = { total: 0, at: performance.now() };
  while (!losses.isComplete && performance.now() - last.at < STALL_MS) {
    await pause(100);
    const { total } = losses.faults;
    if (total > last.total) last = { total, at: performance.now() };
  }
  losses.active = false;
  return losses.faults;
}

export const WHO: Record<Place, Role> = {
  publish: 'publisher',
  'relay-claim': 'relay',
  land: 'relay',
  'relay-done': 'relay',
  claim: 'consumer',
  consume: 'consumer',
  ack: 'consumer',
};

export const WHEN = ['before-commit', 'after-commit'] as const;

/** Has a process at work there that dies so. @returns whether it did: one that ends in another way is an accident */
export async function dieAs(slot: Slot, death: Death): Promise<boolean> {
  await slot.kill();
  slot.start(death);
  return Promise.race([slot.died(), pause(STALL_MS, false, { ref: false })]);
}

/** On SQLite, where no answer can get lost: processes die right before and right after their COMMITs. */
export async function dieAtCommits(
  fleet: Fleet,
  shape: Shape,
  ofEach: number,
  chance: Seeded,
): Promise<FaultCounts> {
  const faults = new FaultCounts();
  const deaths = placesOf(shape).flatMap((place) => WHEN.map((when) => ({ place, when })));
  for (const { place, when } of deaths) faults.want(`${place} ${when}`, ofEach);
  const all = Array.from({ length: ofEach }, () => deaths).flat();
  const dying = fleet.slots.map(async (slot) => {
    const own = chance.child(slot.name);
    const slots = fleet.of(slot.role);
    // Some take longer than others: each process dies all of its role's deaths.
    const mine = all
      .filter(({ place }) => WHO[place] === slot.role)
      .filter((_, i) => slots[(i + Math.floor(i / slots.length)) % slots.length] === slot);
    for (const { place, when } of mine) {
      const death: Death = { place, when, nth: 1 + Math.floor(own.between(0, 4)) };
      if (await dieAs(slot, death)) faults.count(`${place} ${when}`);
    }
    if (mine.length > 0) {
      await slot.kill();
      slot.start();
    }
    await slot.ready();
  });
  await Promise.all(dying);
  return faults;
}
