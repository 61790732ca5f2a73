import { setTimeout as pause } from 'node:timers/promises';
import type { Fleet } from './fleet/fleet.js';
import type { Slot } from './fleet/slot.js';
import type { Role } from './processes/task.js';
import type { Seeded } from './seeded.js';

export type FaultCounts = Map<string, number>;

export const KINDS = [
  /** Killed, and the database hears of it at once. */
  'plain',
  /** For its last moments no answer has reached it: what it sent was done. */
  'unheard',
  /** The database hears of its death late: locks stay, and a transaction stays open. */
  'half-open',
] as const;

export type KillKind = (typeof KINDS)[number];

/** How often a process is killed before it is ready. */
export const AT_START = 0.1;

/** kill -9 for `size` processes, in every place some, each replaced at once. */
export async function killSome(fleet: Fleet, size: number, chance: Seeded): Promise<FaultCounts> {
  const counts: FaultCounts = new Map(fleet.slots.map(({ role }) => [`kill ${role}`, 0]));
  const onWire = fleet.slots.some(({ ways }) => ways.length > 0);
  if (onWire) for (const kind of KINDS) counts.set(`kill ${kind}`, 0);
  const count = (what: string) => counts.set(what, counts.get(what)! + 1);
  // Each role gets its share, whatever the size.
  const roles = [...new Set(fleet.slots.map(({ role }) => role))];
  const turns = Array.from({ length: size }, (_, i) => slotFor(fleet, roles, i));
  // Each role dies in each way.
  const kindOf = (turn: number) => KINDS[(turn + Math.floor(turn / roles.length)) % KINDS.length]!;
  const killing = fleet.slots.map(async (slot) => {
    const own = chance.child(slot.name);
    for (const [turn, whose] of turns.entries()) {
      if (whose !== slot) continue;
      await letWork(slot, own);
      const kind = onWire ? kindOf(turn) : undefined;
      if (!(await killAs(slot, kind ?? 'plain', own))) continue;
      count(`kill ${slot.role}`);
      if (kind) count(`kill ${kind}`);
      slot.start();
    }
    await slot.ready();
  });
  await Promise.all(killing);
  return counts;
}

function slotFor(fleet: Fleet, roles: readonly Role[], turn: number): Slot {
  const slots = fleet.of(roles[turn % roles.length]!);
  return slots[Math.floor(turn / roles.length) % slots.length]!;
}

async function letWork(slot: Slot, chance: Seeded): Promise<void> {
  const atStart = chance.chance(AT_START);
  if (!atStart) await slot.ready();
  await pause(chance.between(100, 1_500));
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
