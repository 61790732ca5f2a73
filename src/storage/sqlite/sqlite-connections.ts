import type { DataSource, QueryRunner } from 'typeorm';
import { UnsupportedDatabaseError } from '../../errors/index.js';
import { isBusy } from './busy.js';
import type { SqliteDriver } from './driver-surface.js';
import { HandlePool } from './handle-pool.js';
import { fileOf, prepareForSharing, type HandleOpener } from './open-handle.js';
import { SqliteConnectionClosedError } from './sqlite-connection.errors.js';
import { sessionOf, type SafeRunnerClass } from './safe-query-runner.js';
import { SqliteSession } from './sqlite-session.js';

export interface RunnerPurpose {
  /** Names the runner in the errors of those who wait for it. */
  name: string;
  /** 'control' goes ahead of 'normal' where writers wait. @default 'normal' */
  priority?: 'control' | 'normal';
}

interface Parts {
  readonly dataSource: DataSource;
  readonly driver: SqliteDriver;
  readonly Runner: SafeRunnerClass;
  readonly opener: HandleOpener;
  readonly writeWaitMs: number;
}

/** The handles of one DataSource that was made safe, and who works on them. */
export class SqliteConnections {
  readonly #pool: HandlePool;
  readonly #sessions = new Set<SqliteSession>();
  /** With TypeORM's own driver a runner need not be released; here it has files open, and perhaps the write lock. */
  readonly #forgotten = new FinalizationRegistry<SqliteSession>((session) =>
    session.end(new SqliteConnectionClosedError()),
  );

  constructor(private readonly parts: Parts) {
    this.#pool = new HandlePool(parts.driver, parts.opener);
  }

  /** A runner with a handle of its own. Release it. */
  createQueryRunner(purpose?: RunnerPurpose): QueryRunner {
    const runner = this.createBareRunner(purpose);
    // What DataSource.createQueryRunner does; not called here, since others may have replaced it to refuse its callers.
    return Object.assign(runner, { manager: this.parts.dataSource.createEntityManager(runner) });
  }

  /**
   * Whether the handle of that runner is inside of a transaction according to SQLite itself, whatever TypeORM believes.
   * Of a runner that was created before the DataSource was made safe: whether the driver's own handle is.
   */
  inTransaction(runner: QueryRunner): boolean {
    const session = sessionOf(runner);
    if (session) return session.inTransaction;
    const main = this.parts.driver.databaseConnection;
    return main?.open === true && main.inTransaction;
  }

  /** The one that has been open longest, and its runner's name. */
  oldestTransaction(): { name: string; openMs: number } | undefined {
    const now = performance.now();
    const open = [...this.#sessions].flatMap(({ name, inTransactionSince: since }) =>
      since === undefined ? [] : [{ name, openMs: now - since }],
    );
    return open.sort((a, b) => b.openMs - a.openMs)[0];
  }

  /**
   * Rolls back what is open and closes all handles but the driver's own. `dataSource.destroy()` does it by itself. Later
   * use opens new ones, as long as the DataSource is initialized.
   */
  close(): void {
    for (const session of [...this.#sessions]) session.end(new SqliteConnectionClosedError());
    this.#pool.close();
  }

  /** For the driver: the runner without its manager, which the DataSource adds. */
  createBareRunner({ name, priority = 'normal' }: RunnerPurpose = this.#anonymous()): QueryRunner {
    const { driver, Runner, writeWaitMs } = this.parts;
    const session = new SqliteSession(this.#pool, { name, priority }, writeWaitMs, (ended) => {
      this.#sessions.delete(ended);
      this.#forgotten.unregister(ended);
    });
    const runner = new Runner(driver, session);
    this.#sessions.add(session);
    this.#forgotten.register(runner, session, session);
    return runner as unknown as QueryRunner;
  }

  /**
   * Prepares the handle that the driver has open, where there is one: the only one of a database in memory; of a file
   * the one that runners from before still use.
   *
   * @throws UnsupportedDatabaseError where it is in memory and in a transaction
   */
  adoptMainHandle(): void {
    const main = this.parts.driver.databaseConnection;
    if (!main?.open) return;
    if (main.inTransaction && fileOf(main) === '') {
      throw new UnsupportedDatabaseError(
        'A transaction is open on the only handle of this database in memory. Make the DataSource safe right after ' +
          'initialize(), before anything works with it.',
      );
    }
    try {
      prepareForSharing(main);
    } catch (error) {
      // Another process is writing. The handles of our runners are prepared with a retry; this one is not among them.
      if (!isBusy(error)) throw error;
    }
  }

  #anonymous(): RunnerPurpose {
    const { database } = this.parts.driver.options;
    return { name: `a query runner of the DataSource on ${database}` };
  }
}
