import { realpathSync } from 'node:fs';
import type { SqliteDriver } from './driver-surface.js';
import { fileOf, type HandleOpener } from './open-handle.js';
import { SqliteConnectionClosedError } from './sqlite-connection.errors.js';
import { SqliteHandle } from './sqlite-handle.js';
import { releaseWritersOf, retainWritersOf } from './writers-of-file.js';
import { WritersQueue } from './writers-queue.js';

/** What the runners have to know about the database that they work on. */
export interface DatabasePlace {
  readonly writers: WritersQueue;
  /** A database in memory exists in one handle only, so its readers take turns as well. */
  readonly inMemory: boolean;
  readonly readonly: boolean;
}

interface Waiting {
  resolve(handle: SqliteHandle): void;
  reject(error: unknown): void;
}

const DEFAULT_STATEMENT_CACHE_SIZE = 100; // TypeORM's own
/** Handles that are kept open though nobody uses them. Opening one costs 0.1 ms, and two file descriptors. */
const MAX_IDLE = 10;

/** The handles of one DataSource. Has no upper limit: a runner that waits for another one's handle could wait for ever. */
export class HandlePool {
  readonly #open = new Set<SqliteHandle>();
  readonly #idle: SqliteHandle[] = [];
  readonly #waiting: Waiting[] = [];
  #place: DatabasePlace | undefined;
  #file: string | undefined;
  #onlyHandle: SqliteHandle | undefined;
  #opening = false;
  /** Goes up with each `close`, so that a handle whose opening began before is not kept. */
  #generation = 0;

  constructor(
    private readonly driver: SqliteDriver,
    private readonly opener: HandleOpener,
  ) {}

  /** @throws SqliteConnectionClosedError where the DataSource is not initialized */
  place(): DatabasePlace {
    return (this.#place ??= this.#findPlace());
  }

  /** @throws SqliteConnectionClosedError; whatever opening a handle throws */
  async acquire(): Promise<SqliteHandle> {
    if (this.place().inMemory) return (this.#onlyHandle ??= this.#keep(this.#main()));
    const idle = this.#idle.pop();
    if (idle) return idle;
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject });
      void this.#openForWaiting();
    });
  }

  /** @param changed something was set on the handle that the next runner must not meet */
  giveBack(handle: SqliteHandle, { changed }: { changed: boolean }): void {
    if (handle === this.#onlyHandle && changed) restoreOnlyHandle(handle);
    if (handle === this.#onlyHandle || !this.#open.has(handle)) return;
    if (changed || !handle.reusable) return this.#closeOne(handle);
    const next = this.#waiting.shift();
    if (next) next.resolve(handle);
    else if (this.#idle.length < MAX_IDLE) this.#idle.push(handle);
    else this.#closeOne(handle);
  }

  /** Closes all handles but the driver's own, also those in use: what they had not committed is rolled back. */
  close(): void {
    this.#generation += 1;
    if (this.#onlyHandle) this.#open.delete(this.#onlyHandle);
    for (const handle of [...this.#open]) this.#closeOne(handle);
    for (const waiting of this.#waiting.splice(0)) waiting.reject(new SqliteConnectionClosedError());
    this.#idle.length = 0;
    this.#onlyHandle = undefined;
    if (this.#file !== undefined) releaseWritersOf(this.#file);
    this.#file = undefined;
    this.#place = undefined;
  }

  /**
   * One after the other: in a burst of short reads the first handle is back before the second is open, so a thousand
   * reads at once don't open a thousand files.
   */
  async #openForWaiting(): Promise<void> {
    if (this.#opening) return;
    this.#opening = true;
    try {
      while (this.#waiting.length > 0) await this.#openOne();
    } finally {
      this.#opening = false;
    }
  }

  async #openOne(): Promise<void> {
    const generation = this.#generation;
    try {
      const raw = await this.opener.open({ attach: true });
      if (generation === this.#generation) this.giveBack(this.#keep(raw), { changed: false });
      else raw.close();
    } catch (error) {
      this.#waiting.shift()?.reject(error);
    }
  }

  #keep(raw: SqliteHandle['raw']): SqliteHandle {
    const handle = new SqliteHandle(
      raw,
      this.driver.options.statementCacheSize ?? DEFAULT_STATEMENT_CACHE_SIZE,
    );
    this.#open.add(handle);
    return handle;
  }

  #closeOne(handle: SqliteHandle): void {
    this.#open.delete(handle);
    handle.close();
  }

  #main(): SqliteHandle['raw'] {
    const main = this.driver.databaseConnection;
    if (!main?.open) throw new SqliteConnectionClosedError();
    return main;
  }

  #findPlace(): DatabasePlace {
    const main = this.#main();
    const { readonly } = main;
    const file = fileOf(main);
    if (file === '') return { writers: new WritersQueue(':memory:', false), inMemory: true, readonly };
    this.#file = realpathSync.native(file);
    return { writers: retainWritersOf(this.#file), inMemory: false, readonly };
  }
}

/** The only handle can't be replaced, so what a migration that failed left behind is set right. */
function restoreOnlyHandle({ raw }: SqliteHandle): void {
  if (raw.open && !raw.inTransaction) raw.pragma('foreign_keys = ON');
}
