import type { CommitFault, CommitFaults } from './commit-faults.js';
import type { Place } from './transaction-watch.js';

/** Tells those who want to know that a COMMIT is under way. */
export class CommitSight {
  private readonly waiting = new Set<(place: Place) => void>();

  constructor(private readonly faults: CommitFaults | undefined) {}

  /** Before the server hears of it. @returns what is to be done to it */
  decide(place: Place): CommitFault | undefined {
    for (const see of this.waiting) see(place);
    return this.faults?.decide(place);
  }

  /** @returns false when there was none in time */
  next(isWanted: (place: Place) => boolean, withinMs: number): Promise<boolean> {
    return new Promise((resolve) => {
      const settle = (seen: boolean) => {
        clearTimeout(tooLong);
        this.waiting.delete(see);
        resolve(seen);
      };
      const see = (place: Place) => {
        if (isWanted(place)) settle(true);
      };
      const tooLong = setTimeout(() => settle(false), withinMs).unref();
      this.waiting.add(see);
    });
  }
}
