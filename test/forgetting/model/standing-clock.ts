import type { LibraryConnections } from '../../../src/storage/index.js';

/** Years ago: whoever forgets looks whether the database's clock is ahead of the machine's. */
const BEGINS_AT_MS = Date.UTC(2020, 0, 1);

/** The time of the databases' clocks, which stands still until somebody sets it: so a schedule is the same each time. */
export class StandingClock {
  /** What they show, in milliseconds since 1970. */
  shownMs = BEGINS_AT_MS;
  /** What nobody can set: how much time has passed, in milliseconds. */
  passedMs = 0;

  pass(ms: number): void {
    this.shownMs += ms;
    this.passedMs += ms;
  }

  /** As if it were then, for as long as something takes. */
  async at<T>(ms: number, work: () => Promise<T>): Promise<T> {
    const { shownMs } = this;
    this.shownMs = ms;
    try {
      return await work();
    } finally {
      this.shownMs = shownMs;
    }
  }

  /** The same database, as it is where this is its clock, ahead by so much. */
  of(connections: LibraryConnections, aheadMs = 0): LibraryConnections {
    const { database } = connections;
    const now = { get: () => String((this.shownMs + aheadMs) * 1000) };
    const dialect = Object.create(database.dialect, { now }) as typeof database.dialect;
    const value = { ...database, dialect };
    return Object.create(connections, { database: { value } }) as LibraryConnections;
  }
}
