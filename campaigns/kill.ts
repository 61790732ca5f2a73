import { setTimeout as pause } from 'node:timers/promises';
import { FaultCounts } from './fault-counts.js';
import type { Fleet } from './fleet/fleet.js';
import type { Slot } from './fleet/slot.js';
import type { Role } from './processes/task.js';
import type { Seeded } from './seeded.js';
import { Successors } from './successors.js';

export const KINDS = [
  /** Killed, and the database hears of it at once. */
  'plain',
  /** For its last moments no answer has reached it: what it sent was done. */
  'unheard',
  /** The database hears of its death late: locks stay, and a transaction stays open. */
  'half-open',
] as const;

export type KillKind = (typeof KINDS)[number];

/** How long somebody works before it is killed, in milliseconds. */
const WORK_MS = { least: 100, most: 1_500 };

/** kill -9 for `size` processes, in every place some, each replaced at once. */
export async function killSome(fleet: Fleet, size: number, chance: Seeded): Promise<FaultCounts> {
  const faults = new FaultCounts();
  const onWire = fleet.slots.some(({ ways }) => ways.length > 0);
  const kinds = onWire ? KINDS : (['plain'] as const);
  // Each role gets its share, whatever the size, and dies in each way.
  const roles = [...new Set(fleet.slots.map(({ role }) => role))];
  const turns = Array.from({ length: size }, (_, turn) => ({
    slot: slotFor(fleet, roles, turn),
    kind: kinds[(turn + Math.floor(turn / roles.length)) % kinds.length]!,
  }));
  for (const what of [...roles, ...kinds]) faults.want(`kill ${what}`, 0);
  for (const { slot, kind } of turns) for (const what of [slot.role, kind]) faults.want(`kill ${what}`);
  const successors = new Successors(faults, size, chance.child('successors'));
  const killing = fleet.slots.map(async (slot) => {
    const own = chance.child(slot.name);
    for (const { kind } of turns.filter((turn) => turn.slot === slot)) {
      await slot.ready();
      await pause(own.between(WORK_MS.least, WORK_MS.most));
      if (!(await killAs(slot, kind, own))) continue;
      for (const what of [slot.role, kind]) faults.count(`kill ${what}`);
      await successors.start(slot);
    }
    await slot.ready();
  });
  await Promise.all(killing);
  return faults;
}

function slotFor(fleet: Fleet, roles: readonly Role[], turn: number): Slot {
  const slots = fleet.of(roles[turn % roles.length]!);
  return slots[Math.floor(turn / roles.length) % slots.length]!;
}

/** @returns false when there was nobody to kill */
export async function killAs(slot: Slot, kind: KillKind, chance: Seeded): Promise<boolean> {
  if (kind === 'unheard') {
    for (const way of slot.ways) way.holdAnswers();
    await pause(chance.between(1, 100));
  }
  if (kind === 'half-open') for (const way of slot.ways) way.linger(chance.between(500, 2_500));
  return slot.kill();
}
