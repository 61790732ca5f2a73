import { DataSource, type DataSourceOptions, type QueryRunner } from 'typeorm';
import type { Connection } from '../execute.js';
import {
  type SqliteConnections as Handles,
  makeSqliteSafe,
  sqliteConnectionsOf,
} from '../sqlite/make-sqlite-safe.js';
import { ConfigurationError } from '../../errors/index.js';
import type { Database } from '../tables.js';
import { standFor } from './app-data-source.js';
import { untilAborted } from './deadline.js';
import type {
  LibraryConnections,
  OpenTransaction,
  ScopeRequest,
  ScopeRunner,
} from './library-connections.js';

/** SQLite: the app's own DataSource, once it was made safe, has a handle for everybody. */
export async function openSqliteConnections(
  app: DataSource,
  database: Database,
  { writeWaitMs }: { writeWaitMs: number },
): Promise<LibraryConnections> {
  const handles = sqliteConnectionsOf(app);
  if (handles) return new SqliteLibraryConnections(database, handles, async () => undefined);
  const own = new DataSource(ownOptions(app));
  const ownHandles = makeSqliteSafe(own, { writeWaitMs });
  await own.initialize();
  Object.assign(own, { subscribers: app.subscribers });
  standFor(own, app);
  return new SqliteLibraryConnections(database, ownHandles, () => own.destroy());
}

/** For an app whose DataSource is left as TypeORM made it: a second one on its file. */
function ownOptions(app: DataSource): DataSourceOptions {
  const { database } = app.options;
  if (database === ':memory:' || database === '') {
    throw new ConfigurationError(
      "A SQLite database in memory has one connection, so its DataSource can't be left alone. " +
        'Leave out sqlite: { leaveDataSourceAlone: true }, or use a file.',
    );
  }
  const nothingOfItsOwn = {
    synchronize: false,
    dropSchema: false,
    migrationsRun: false,
    migrations: [],
    subscribers: [],
  };
  return { ...app.options, ...nothingOfItsOwn };
}

class SqliteLibraryConnections implements LibraryConnections {
  constructor(
    readonly database: Database,
    private readonly handles: Handles,
    /** The app's handles go with the app's DataSource. */
    readonly close: () => Promise<void>,
  ) {}

  async control<T>(work: (on: Connection) => Promise<T>): Promise<T> {
    return this.onControlHandle(work);
  }

  async controlTransaction<T>(work: (on: Connection) => Promise<T>): Promise<T> {
    return this.onControlHandle(async (runner) => {
      await runner.startTransaction();
      try {
        const result = await work(runner);
        await runner.commitTransaction();
        return result;
      } catch (error) {
        if (runner.isTransactionActive) await runner.rollbackTransaction().catch(() => undefined);
        throw error;
      }
    });
  }

  async scopeRunner({ name, signal }: ScopeRequest): Promise<ScopeRunner> {
    signal.throwIfAborted();
    const runner = this.handles.createQueryRunner({ name, priority: 'normal' });
    const release = runner.release.bind(runner);
    return {
      runner,
      // For the write lock, which names its holder after `writeWaitMs`.
      begin: () => untilAborted(runner.startTransaction(), signal),
      inTransaction: () => this.handles.inTransaction(runner),
      release,
      // Every statement has run when its call returns, so rolling back is all that closing would do.
      destroy: () => void release().catch(() => undefined),
    };
  }

  /** Nobody ends a transaction here. */
  allowSilence(): void {}

  oldestTransaction(): OpenTransaction | undefined {
    return this.handles.oldestTransaction();
  }

  private async onControlHandle<T>(work: (runner: QueryRunner) => Promise<T>): Promise<T> {
    const runner = this.handles.createQueryRunner({ name: 'the broker', priority: 'control' });
    try {
      return await work(runner);
    } finally {
      await runner.release();
    }
  }
}
