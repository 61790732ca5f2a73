import { setTimeout as pause } from 'node:timers/promises';
import type { FaultCounts } from './fault-counts.js';
import type { Slot } from './fleet/slot.js';
import { oneInTen } from './one-in-ten.js';
import type { Seeded } from './seeded.js';

export const BEFORE_READY = 'killed before ready';
/** How far it has come by then at most, as a share of the time that a start takes. */
const FARTHEST = 0.9;

/** What comes in the place of a process that was killed: one in ten is killed as well, before it is ready. */
export class Successors {
  private readonly unlucky: ReadonlySet<number>;
  private started = 0;

  /** @param kills how many are to have a successor */
  constructor(
    private readonly faults: FaultCounts,
    kills: number,
    private readonly chance: Seeded,
  ) {
    this.unlucky = oneInTen(kills, chance);
    faults.want(BEFORE_READY, this.unlucky.size);
  }

  /** @param onKilled when one is dead that was not ready yet */
  async start(slot: Slot, onKilled: () => Promise<void> = async () => undefined): Promise<void> {
    slot.start();
    if (!this.unlucky.has(this.started++)) return;
    // One that was quicker than others before it is killed all the same, and the next one sooner.
    for (let share = this.chance.between(0, FARTHEST), isStarting = false; !isStarting; share /= 2) {
      await pause(share * slot.startsWithinMs);
      isStarting = !slot.isUp;
      if (!(await slot.kill())) return;
      await onKilled();
      slot.start();
    }
    this.faults.count(BEFORE_READY);
  }
}
