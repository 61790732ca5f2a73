import { SqliteWriteTimeoutError } from './sqlite-write-timeout.error.js';

/** Whoever wants to write: named in the errors of those who wait for it. */
export interface Writer {
  readonly name: string;
  /** 'control' goes ahead of 'normal', a few at a time; within each, first come, first served. */
  readonly priority: 'control' | 'normal';
}

/** The right to write, until `leave` is called. */
export interface Turn {
  leave(): void;
}

export interface WaitingWriter {
  /** @throws SqliteWriteTimeoutError naming who held the lock; or what `cancel` was given */
  readonly turn: Promise<Turn>;
  /** Leaves the queue. No effect once the turn has come. */
  cancel(reason: Error): void;
}

interface Entry {
  readonly writer: Writer;
  readonly grant: (turn: Turn) => void;
  timer?: NodeJS.Timeout;
}

/**
 * For how long the writers of one process may follow each other without a gap, and the gap that then comes. A process
 * that waits for the lock can only poll for it (every 3 ms at most, see busy.ts): without the gap, 50 ms transactions
 * in a row shut it out for as long as they keep coming. It costs 2 % of a process that does nothing but write.
 */
const STREAK_MS = 250;
const GAP_MS = 5;

/** Then one of priority normal gets in: the ACKs of a busy at-least-once consumer alone would shut them out for good. */
const CONTROLS_IN_A_ROW = 3;

/** The writers of one database in this process. SQLite has one writer at a time, and no queue of its own. */
export class WritersQueue {
  #holder: { writer: Writer; since: number } | undefined;
  readonly #waiting: Record<Writer['priority'], Entry[]> = { control: [], normal: [] };
  #freeSince = -Infinity;
  #streakSince = 0;
  #inGap = false;
  #controlsInARow = 0;

  /** @param shared other processes write to this database, too */
  constructor(
    readonly database: string,
    private readonly shared: boolean,
  ) {}

  /** @param waitMs after which the writer leaves the queue again, in milliseconds */
  join(writer: Writer, waitMs: number): WaitingWriter {
    const { promise: turn, resolve: grant, reject } = deferred<Turn>();
    const entry: Entry = { writer, grant };
    const cancel = (reason: Error): void => {
      if (this.#remove(entry)) reject(reason);
    };
    this.#waiting[writer.priority].push(entry);
    if (!this.#next(entry)) entry.timer = setTimeout(() => cancel(this.#timeout(writer, waitMs)), waitMs);
    return { turn, cancel };
  }

  #begin(writer: Writer): Turn {
    const holder = { writer, since: performance.now() };
    this.#holder = holder;
    return {
      leave: () => {
        if (this.#holder !== holder) return;
        this.#holder = undefined;
        this.#freeSince = performance.now();
        this.#next();
      },
    };
  }

  /** Lets the next writer in, where that is possible now. Answers whether it was `hoped`. */
  #next(hoped?: Entry): boolean {
    const line = this.#line();
    if (this.#holder || this.#inGap || line.length === 0) return false;
    const now = performance.now();
    if (now - this.#freeSince > GAP_MS) this.#streakSince = now;
    if (this.shared && now - this.#streakSince > STREAK_MS) {
      this.#leaveGap();
      return false;
    }
    const next = line.shift();
    if (!next) return false;
    clearTimeout(next.timer);
    this.#controlsInARow = next.writer.priority === 'control' ? this.#controlsInARow + 1 : 0;
    next.grant(this.#begin(next.writer));
    return next === hoped;
  }

  #line(): Entry[] {
    const { control, normal } = this.#waiting;
    const isNormalsTurn = control.length === 0 || this.#controlsInARow >= CONTROLS_IN_A_ROW;
    return isNormalsTurn && normal.length > 0 ? normal : control;
  }

  #leaveGap(): void {
    this.#inGap = true;
    setTimeout(() => {
      this.#inGap = false;
      this.#streakSince = performance.now();
      this.#next();
    }, GAP_MS);
  }

  /** Answers false where the turn has come already. */
  #remove(entry: Entry): boolean {
    const line = this.#waiting[entry.writer.priority];
    const at = line.indexOf(entry);
    if (at < 0) return false;
    clearTimeout(entry.timer);
    line.splice(at, 1);
    return true;
  }

  #timeout(writer: Writer, waitedMs: number): SqliteWriteTimeoutError {
    const holder = this.#holder && {
      name: this.#holder.writer.name,
      heldForMs: performance.now() - this.#holder.since,
    };
    return new SqliteWriteTimeoutError(this.database, writer.name, waitedMs, holder);
  }
}

function deferred<T>(): {
  promise: Promise<T>;
  resolve: (value: T) => void;
  reject: (reason: Error) => void;
} {
  let resolve!: (value: T) => void;
  let reject!: (reason: Error) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
