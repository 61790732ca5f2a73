import { setTimeout as pause } from 'node:timers/promises';
import { STALL_MS } from './commit.js';
import type { Pair } from './databases/pair.js';
import { Dying } from './dying.js';
import type { Fleet } from './fleet/fleet.js';
import type { FaultCounts } from './kill.js';
import type { CommitFaults } from './proxy/commit-faults.js';
import type { Seeded } from './seeded.js';

/** Deliveries and outbox rows that may wait: some behind each head, or there would be nothing to overtake. */
export const LINES = 300;
/** One lost COMMIT of each kind at each place for so many messages. */
const MESSAGES_A_LOSS = 500;
/** When so much is published, all faults have happened but those that were missed. */
const BY_THEN = 0.9;
const LOOK_MS = 200;

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
  const dying = new Dying(fleet, pair, size, chance);
  let last = { faults: 0, messages: 0, at: performance.now() };
  for (;;) {
    const messages = await published(pair);
    const share = messages / (BY_THEN * size);
    if (losses) Object.assign(losses, { active: true, due: Math.ceil(share * losses.ofEach) });
    dying.go(share);
    const faults = (losses?.total ?? 0) + dying.total;
    if (messages > last.messages && messages < size) last = { ...last, messages, at: performance.now() };
    if (faults > last.faults) last = { ...last, faults, at: performance.now() };
    const isAll = messages >= size && dying.isComplete && (losses?.isComplete ?? true);
    // A fault that never happens makes the run void; messages that nobody publishes any more are a finding.
    if (isAll || performance.now() - last.at > STALL_MS) break;
    await pause(LOOK_MS);
  }
  if (losses) losses.active = false;
  await dying.over();
  return new Map([...dying.counts, ...(losses?.counts ?? [])]);
}

export async function published({ rawBusiness }: Pair): Promise<number> {
  const [row] = await rawBusiness.query('SELECT COUNT(*) AS n FROM payment');
  return Number(row!.n);
}
