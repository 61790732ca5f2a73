import type { Pair } from './databases/pair.js';
import { Dying } from './dying.js';
import type { FaultCounts } from './fault-counts.js';
import type { Fleet } from './fleet/fleet.js';
import type { CommitFaults } from './proxy/commit-faults.js';
import type { Seeded } from './seeded.js';
import { spreadFaults } from './spread.js';

/** Deliveries and outbox rows that may wait: some behind each head, or there would be nothing to overtake. */
export const LINES = 300;
/** One lost COMMIT of each kind at each place for so many messages. */
const MESSAGES_A_LOSS = 500;

/** How many COMMITs are to be lost, of each kind at each place. */
export function lossesFor(size: number): number {
  return Math.ceil(size / MESSAGES_A_LOSS);
}

/** Faults of all kinds, spread over the time in which `size` messages are published. */
export async function disturbOrder(
  fleet: Fleet,
  pair: Pair,
  size: number,
  chance: Seeded,
  losses: CommitFaults | undefined,
): Promise<FaultCounts> {
  return spreadFaults(size, () => published(pair), new Dying(fleet, pair, size, chance), losses);
}

export async function published({ rawBusiness }: Pair): Promise<number> {
  const [row] = await rawBusiness.query('SELECT COUNT(*) AS n FROM payment');
  return Number(row!.n);
}
