import type { QueryRunner } from 'typeorm';
import { UnsupportedDatabaseError } from '../../errors/index.js';
import type {
  DriverRunner,
  FinishedStatement,
  DriverRunnerClass,
  RawDatabase,
  SqliteDriver,
} from './driver-surface.js';
import { SqliteConnectionClosedError, SqliteTransactionLostError } from './sqlite-connection.errors.js';
import { SqliteSession, type StatementToRun } from './sqlite-session.js';
import { SqliteWriteTimeoutError } from './sqlite-write-timeout.error.js';
import { takingTheLockAtOnce } from './statement-kind.js';

export type SafeRunner = DriverRunner & { readonly session: SqliteSession };
export type SafeRunnerClass = new (driver: SqliteDriver, session: SqliteSession) => SafeRunner;

/**
 * The driver's own runner with a handle of its own. Derived from the class at hand rather than from an import, so that
 * two copies of TypeORM in one process don't mix.
 */
export function safeRunnerClass(Base: DriverRunnerClass): SafeRunnerClass {
  return class SafeSqliteQueryRunner extends Base {
    /** What `query` was called with, on its way through TypeORM to `getStmt`. */
    pending: StatementToRun | undefined;

    constructor(
      driver: SqliteDriver,
      readonly session: SqliteSession,
    ) {
      super(driver);
    }

    override async connect(): Promise<RawDatabase> {
      return (await this.session.handle()).raw;
    }

    override async query(
      sql: string,
      parameters: unknown = [],
      useStructuredResult = false,
    ): Promise<unknown> {
      // Refused by TypeORM itself, in its own words.
      if (this.isReleased || !Array.isArray(parameters))
        return super.query(sql, parameters, useStructuredResult);
      const text = takingTheLockAtOnce(sql);
      const statement: StatementToRun = {
        sql: text,
        parameters: parameters.map(bindable),
        withinTransaction: this.transactionDepth > 0,
      };
      // A view of this runner where another query is on its way to getStmt; not always, for it costs 20 µs.
      const runner = this.pending ? (Object.create(this) as this) : this;
      runner.pending = statement;
      try {
        const result = await super.query.call(runner, text, parameters, useStructuredResult);
        if (runner.pending === statement)
          throw unsupportedTypeorm('its query runner no longer calls getStmt');
        return result;
      } catch (error) {
        // Released while it stood in the queue.
        if (this.isReleased && !ownError(error)) return super.query(text, parameters, useStructuredResult);
        throw ownError(error) ?? error;
      } finally {
        if (runner.pending === statement) runner.pending = undefined;
      }
    }

    /**
     * TypeORM runs at once what this answers, and can't wait for a lock. So the statement runs in here, and what TypeORM
     * gets is its outcome.
     */
    override async getStmt(): Promise<FinishedStatement> {
      const statement = this.pending;
      this.pending = undefined;
      if (!statement) throw unsupportedTypeorm('its query runner calls getStmt outside of query');
      return this.session.run(statement);
    }

    override async startTransaction(isolationLevel?: string): Promise<void> {
      try {
        await super.startTransaction(isolationLevel);
      } catch (error) {
        // TypeORM would believe in a transaction that never began, and save() would not begin one of its own.
        if (this.transactionDepth === 0) this.isTransactionActive = false;
        throw error;
      }
    }

    override async commitTransaction(): Promise<void> {
      const outermost = this.transactionDepth <= 1;
      try {
        await super.commitTransaction();
      } catch (error) {
        // SQLite keeps a transaction whose COMMIT failed, and the lock with it.
        if (outermost) this.session.rollback();
        throw error;
      }
    }

    override async rollbackTransaction(): Promise<void> {
      if (!this.isTransactionActive || this.session.inTransaction) return super.rollbackTransaction();
      // SQLite, or a COMMIT that failed, has ended it: there is nothing left to roll back but TypeORM's own state.
      await this.broadcaster.broadcast('BeforeTransactionRollback');
      this.transactionDepth = Math.max(0, this.transactionDepth - 1);
      this.isTransactionActive = this.transactionDepth > 0;
      await this.broadcaster.broadcast('AfterTransactionRollback');
    }

    /** Through `query`, unlike the driver's own: in memory, a PRAGMA has to wait for the transaction of another runner. */
    override async beforeMigration(): Promise<void> {
      await this.query('PRAGMA foreign_keys = OFF');
    }

    override async afterMigration(): Promise<void> {
      await this.query('PRAGMA foreign_keys = ON');
    }

    override async release(): Promise<void> {
      if (this.isReleased) return;
      this.isReleased = true;
      this.isTransactionActive = false;
      this.transactionDepth = 0;
      this.session.end(RELEASED);
      await super.release();
    }
  };
}

/** What a runner of this folder has of the database; undefined for any other runner. */
export function sessionOf(runner: QueryRunner): SqliteSession | undefined {
  const { session } = runner as { session?: unknown };
  return session instanceof SqliteSession ? session : undefined;
}

export function unsupportedTypeorm(what: string): UnsupportedDatabaseError {
  return new UnsupportedDatabaseError(
    `This version of TypeORM can't be made safe for concurrent use with SQLite: ${what}. ` +
      'Potential solutions: install a TypeORM version that this library was tested with, or update this library.',
  );
}

/** Never seen by users: TypeORM's own QueryRunnerAlreadyReleasedError takes its place. One, for its stack costs 3 µs. */
const RELEASED = new Error('The query runner was released.');

/** An error of this folder that TypeORM has wrapped as one of the database: callers look at its class and its code. */
function ownError(error: unknown): Error | undefined {
  const inner: unknown =
    typeof error === 'object' && error !== null && 'driverError' in error ? error.driverError : error;
  const own =
    inner instanceof SqliteWriteTimeoutError ||
    inner instanceof SqliteTransactionLostError ||
    inner instanceof SqliteConnectionClosedError;
  return own ? inner : undefined;
}

/** As TypeORM does: better-sqlite3 can't bind booleans. */
function bindable(value: unknown): unknown {
  return typeof value === 'boolean' ? Number(value) : value;
}
