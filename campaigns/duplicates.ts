import { setTimeout as pause } from 'node:timers/promises';
import type { Pair } from './databases/pair.js';
import { Dying } from './dying.js';
import type { FaultCounts } from './fault-counts.js';
import type { Fleet } from './fleet/fleet.js';
import type { Seeded } from './seeded.js';
import { spreadFaults } from './spread.js';

/** Messages of one payment. */
const MOST_COPIES = 50;
/** Of the payments, how many are told of in two waves; and how many payments later the second one comes. */
const IN_WAVES = 0.3;
const MOST_LATER = 20;
/** Longest pause between two waves, in milliseconds. */
const PAUSE_MS = 200;

/** All publishers tell of each payment at the same time, and processes die meanwhile. */
export async function repeatPayments(
  fleet: Fleet,
  pair: Pair,
  size: number,
  chance: Seeded,
): Promise<FaultCounts> {
  const over = new AbortController();
  const telling = keepTelling(fleet, chance.child('payments'), over.signal);
  try {
    return await spreadFaults(size, () => duplicates(pair), new Dying(fleet, pair, size, chance));
  } finally {
    over.abort();
    await telling;
  }
}

/** Messages beyond the first of each payment. */
export async function duplicates({ rawBroker }: Pair): Promise<number> {
  const [row] = await rawBroker.query('SELECT COUNT(*) - COUNT(DISTINCT biz_id) AS n FROM landing');
  return Number(row!.n);
}

async function keepTelling(fleet: Fleet, chance: Seeded, over: AbortSignal): Promise<void> {
  const later = new Map<number, { payment: string; copies: number }>();
  for (let number = 1; !over.aborted; number++) {
    const payment = `payment-${number}`;
    const copies = Math.ceil(chance.between(0, MOST_COPIES));
    const first = chance.chance(IN_WAVES) ? Math.ceil(copies / 2) : copies;
    if (first < copies) {
      later.set(number + Math.ceil(chance.between(0, MOST_LATER)), { payment, copies: copies - first });
    }
    tell(fleet, chance, { payment, copies: first });
    const again = later.get(number);
    if (again) tell(fleet, chance, again);
    later.delete(number);
    await pause(chance.between(0, PAUSE_MS), undefined, { signal: over }).catch(() => undefined);
  }
}

/** Each publisher has its share of the copies. One that is dead misses it. */
function tell(fleet: Fleet, chance: Seeded, { payment, copies }: { payment: string; copies: number }): void {
  const publishers = fleet.of('publisher');
  const shares = new Map(publishers.map((slot) => [slot, 0]));
  for (let copy = 0; copy < copies; copy++) {
    const slot = chance.pick(publishers);
    shares.set(slot, shares.get(slot)! + 1);
  }
  for (const [slot, share] of shares) if (share > 0) slot.tell({ payment, copies: share });
}
