import { setTimeout as pause } from 'node:timers/promises';
import { STALL_MS } from './commit.js';
import type { Dying } from './dying.js';
import { FaultCounts } from './fault-counts.js';
import type { CommitFaults } from './proxy/commit-faults.js';

/** When so much is published, all faults have happened but those that were missed. */
const BY_THEN = 0.9;
const LOOK_MS = 200;

/** Faults of all kinds, spread over the time in which `size` messages are published. */
export async function spreadFaults(
  size: number,
  countPublished: () => Promise<number>,
  dying: Dying,
  losses?: CommitFaults,
): Promise<FaultCounts> {
  let last = { faults: 0, messages: 0, at: performance.now() };
  for (;;) {
    const messages = await countPublished();
    const share = messages / (BY_THEN * size);
    if (losses) Object.assign(losses, { active: true, due: Math.ceil(share * losses.ofEach) });
    dying.go(share);
    const faults = (losses?.faults.total ?? 0) + dying.total;
    if (messages > last.messages && messages < size) last = { ...last, messages, at: performance.now() };
    if (faults > last.faults) last = { ...last, faults, at: performance.now() };
    const isAll = messages >= size && dying.isComplete && (losses?.isComplete ?? true);
    // A fault that never happens makes the run void; messages that nobody publishes any more are a finding.
    if (isAll || performance.now() - last.at > STALL_MS) break;
    await pause(LOOK_MS);
  }
  if (losses) losses.active = false;
  await dying.over();
  return FaultCounts.sum([dying.faults, ...(losses ? [losses.faults] : [])]);
}
