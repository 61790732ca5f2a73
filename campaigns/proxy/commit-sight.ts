import type { CommitFaults, PlannedLoss } from './commit-faults.js';
import type { Place } from './transaction-watch.js';

export interface SeenCommit {
  place: Place;
  /** It is done, and whoever sent it is being told; until then it is under way. */
  answered: boolean;
}

/** Tells those who want to know of COMMITs. */
export class CommitSight {
  private readonly waiting = new Set<(seen: SeenCommit) => void>();

  constructor(private readonly faults: CommitFaults | undefined) {}

  /** Before the server hears of it. @returns what is to be done to it */
  decide(place: Place): PlannedLoss | undefined {
    this.tell({ place, answered: false });
    return this.faults?.decide(place);
  }

  answered(place: Place): void {
    this.tell({ place, answered: true });
  }

  /** @returns false when there was none in time */
  next(isWanted: (seen: SeenCommit) => boolean, withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (seen: boolean) => {
        clearTimeout(tooLong);
        this.waiting.delete(see);
        resolve(seen);
      };
      const see = (seen: SeenCommit) => {
        if (isWanted(seen)) settle(true);
      };
      const tooLong = setTimeout(() => settle(false), withinMs).unref();
      this.waiting.add(see);
    });
  }

  private tell(seen: SeenCommit): void {
    for (const see of this.waiting) see(seen);
  }
}
