import { setTimeout as wait } from 'node:timers/promises';
import { STALL_MS, WHO } from './commit.js';
import { openView } from './databases/old-view.js';
import type { Pair } from './databases/pair.js';
import { countTakeovers, noteTakeovers } from './databases/takeovers.js';
import { FaultCounts } from './fault-counts.js';
import type { Fleet } from './fleet/fleet.js';
import type { Slot } from './fleet/slot.js';
import type { Role } from './processes/task.js';
import type { Seeded } from './seeded.js';

/** Who stands still, in turn: consumers most of all, whose leases are the shortest. */
const TURNS: readonly Role[] = ['consumer', 'sweeper', 'consumer', 'relay', 'consumer', 'publisher'];
/** How long somebody stands still, in milliseconds: longer than a lease of a consumer (1.5 s), or of a relay (18 s). */
const STILL_MS = { usual: { least: 1_600, most: 5_000 }, relay: { least: 18_100, most: 21_000 } };
/** How long somebody works before that, in milliseconds. */
const WORK_MS = { least: 100, most: 1_500 };
/** How many hours the clock of whoever is woken is ahead, in turn. */
const CLOCKS = [1, -1, 0];
const AN_HOUR_MS = 3_600_000;
/** Where others kill as well, somebody may be dead when its turn comes. */
const TRIES = 5;

/** On a server. SQLite's COMMITs go by no wire where one could see them. */
const WHEN = [
  'at any time',
  /** It is with the server, and its answer is not here yet. */
  'at a COMMIT',
  /** In the middle of what follows: a handler, behind the COMMIT of a claim. */
  'after a COMMIT',
] as const;
type When = (typeof WHEN)[number];
const AFTER_MS = { least: 1, most: 20 };

/**
 * SIGSTOP for `size` processes, and SIGCONT when what they held is another's. Whoever is woken has a clock that is right, an
 * hour ahead or an hour behind. All the while each database has a transaction that has read before it all began.
 */
export async function pauseSome(
  fleet: Fleet,
  pair: Pair,
  size: number,
  chance: Seeded,
): Promise<FaultCounts> {
  await noteTakeovers(pair);
  const views = await Promise.all([
    openView(pair.business, 'payment'),
    ...(pair.broker === pair.business ? [] : [openView(pair.broker, 'landing')]),
  ]);
  const roles = TURNS.filter((role) => fleet.of(role).length > 0);
  const faults = new FaultCounts();
  const ways = fleet.slots.some((slot) => slot.ways.length > 0) ? WHEN : WHEN.slice(0, 1);
  const turns = turnsOf(fleet, roles, size, ways);
  for (const what of [...roles.map((role) => `pause ${role}`), ...ways]) faults.want(what, 0);
  for (const { slot, way } of turns) for (const what of [`pause ${slot.role}`, way]) faults.want(what);
  const pausing = fleet.slots.map(async (slot) => {
    const own = chance.child(slot.name);
    for (const turn of turns.filter((each) => each.slot === slot)) {
      let isDone = false;
      for (let tries = 0; !isDone && tries < TRIES; tries++) isDone = await standStill(turn, own);
      if (isDone) for (const what of [`pause ${slot.role}`, turn.way]) faults.count(what);
    }
  });
  await Promise.all(pausing);
  faults.count('lease taken over', await countTakeovers(pair));
  const old = await Promise.all(views.map((view) => view.end()));
  faults.count('old read view', old.every(Boolean) ? old.length : 0);
  return faults;
}

interface Turn {
  slot: Slot;
  way: When;
  clock: number;
}

/** @returns whether it stood still for that long: not where it was dead, or killed meanwhile */
async function standStill({ slot, way, clock }: Turn, chance: Seeded): Promise<boolean> {
  await slot.ready();
  await wait(chance.between(WORK_MS.least, WORK_MS.most));
  if (way !== 'at any time' && !(await slot.sight.next(({ answered }) => !answered, STALL_MS))) return false;
  if (way === 'after a COMMIT') await wait(chance.between(AFTER_MS.least, AFTER_MS.most));
  if (!slot.freeze()) return false;
  const { least, most } = STILL_MS[slot.role === 'relay' ? 'relay' : 'usual'];
  await wait(chance.between(least, most));
  slot.tell({ clockMs: clock * AN_HOUR_MS });
  return slot.thaw();
}

/** Each role has its share, and each place of it is filled in each way. Each clock has its turn. */
function turnsOf(fleet: Fleet, roles: readonly Role[], size: number, ways: readonly When[]): Turn[] {
  const had = new Map<Role, number>();
  return Array.from({ length: size }, (_, turn) => {
    const role = roles[turn % roles.length]!;
    const nth = had.get(role) ?? 0;
    had.set(role, nth + 1);
    const slots = fleet.of(role);
    const round = Math.floor(nth / slots.length);
    const commits = Object.values(WHO).includes(role);
    const way = commits ? ways[(nth + round) % ways.length]! : 'at any time';
    const clock = CLOCKS[(turn + Math.floor(turn / TURNS.length)) % CLOCKS.length]!;
    return { slot: slots[nth % slots.length]!, way, clock };
  });
}
