import type { DataSource, QueryRunner } from 'typeorm';
import type { Connection } from '../execute.js';
import { type SqliteConnections as Handles, sqliteConnectionsOf } from '../sqlite/make-sqlite-safe.js';
import { ConfigurationError } from '../../errors/index.js';
import type { Database } from '../tables.js';
import type { LibraryConnections, ScopeRunner } from './library-connections.js';

/** SQLite: the app's own DataSource, once it was made safe, has a handle for everybody. */
export async function openSqliteConnections(
  app: DataSource,
  database: Database,
): Promise<LibraryConnections> {
  const handles = sqliteConnectionsOf(app);
  if (!handles) {
    throw new ConfigurationError(
      'TypeORM runs all of a better-sqlite3 DataSource on one connection, where concurrent transactions mix. ' +
        'Let the module make it safe (leave out sqlite: { leaveDataSourceAlone: true }), or publish and consume through another DataSource.',
    );
  }
  return new SqliteLibraryConnections(database, handles);
}

class SqliteLibraryConnections implements LibraryConnections {
  constructor(
    readonly database: Database,
    private readonly handles: Handles,
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

  async scopeRunner(name: string): Promise<ScopeRunner> {
    const runner = this.handles.createQueryRunner({ name, priority: 'normal' });
    const release = runner.release.bind(runner);
    return {
      runner,
      begin: () => runner.startTransaction(),
      inTransaction: () => this.handles.inTransaction(runner),
      release,
      // Every statement has run when its call returns, so rolling back is all that closing would do.
      destroy: () => void release().catch(() => undefined),
    };
  }

  async close(): Promise<void> {
    // The handles belong to the app's DataSource and go with it.
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
