import type { DataSource, QueryRunner } from 'typeorm';
import { InvalidOptionError } from '../../errors/index.js';
import { runnerClassOf, sqliteDriverOf } from './check-driver-surface.js';
import type { SqliteDriver } from './driver-surface.js';
import { HandleOpener } from './open-handle.js';
import { SqliteConnections } from './sqlite-connections.js';
import { safeRunnerClass } from './safe-query-runner.js';

export type { RunnerPurpose, SqliteConnections } from './sqlite-connections.js';

export interface SqliteSafetyOptions {
  /** How long a writer waits for the write lock, in milliseconds. @default 10_000 */
  writeWaitMs?: number;
}

const DEFAULT_WRITE_WAIT_MS = 10_000;
const LONGEST_TIMER_MS = 2 ** 31 - 1;

/** On the driver, under a name that the ESM and the CommonJS copy of this library share. */
const CONNECTIONS = Symbol.for('nestjs-idempotent-mq.sqlite-connections');

/**
 * Gives every query runner of this DataSource a handle of its own, and puts its writers in a queue. TypeORM's driver
 * has one runner on one handle for everybody: of two transactions at the same time one loses its rows, and a plain
 * `save()` joins whichever is open.
 *
 * - `dataSource.transaction()`, `query()`, managers and repositories (also injected ones, also those made before this
 *   call) work on their own. Runners that were created before this call are left as they were.
 * - The file, and those attached to it, are switched to WAL, and every handle to `synchronous=FULL`,
 *   `foreign_keys=ON` and `busy_timeout=0`. Readers never wait; writers wait for each other, and for other processes,
 *   without blocking the event loop.
 * - Transactions begin with BEGIN IMMEDIATE (write `BEGIN DEFERRED` for one that only reads).
 * - A PRAGMA, ATTACH or temporary table lives as long as its query runner: use `prepareDatabase` for lasting ones.
 * - A database in memory keeps its one handle, and everybody takes turns.
 *
 * Call it before anything works with the DataSource; `initialize()` may come before or after. A second call on the same
 * DataSource changes nothing. It outlasts `destroy()` and a new `initialize()`.
 *
 * @throws UnsupportedDatabaseError where the DataSource is not of type better-sqlite3, where this TypeORM is not known,
 *   or where a transaction is open on a database in memory
 * @throws InvalidOptionError
 */
export function makeSqliteSafe(dataSource: DataSource, options: SqliteSafetyOptions = {}): SqliteConnections {
  const existing = sqliteConnectionsOf(dataSource);
  if (existing) return existing;
  const writeWaitMs = options.writeWaitMs ?? DEFAULT_WRITE_WAIT_MS;
  if (!Number.isFinite(writeWaitMs) || writeWaitMs < 0 || writeWaitMs > LONGEST_TIMER_MS) {
    throw new InvalidOptionError(
      'writeWaitMs',
      writeWaitMs,
      `a number of milliseconds from 0 to ${LONGEST_TIMER_MS}`,
    );
  }
  const driver = sqliteDriverOf(dataSource);
  const Runner = safeRunnerClass(runnerClassOf(driver));
  const opener = new HandleOpener(driver, writeWaitMs);
  const connections = new SqliteConnections({ dataSource, driver, Runner, opener, writeWaitMs });
  connections.adoptMainHandle();
  replaceMethods(driver, connections, opener);
  Object.defineProperty(driver, CONNECTIONS, { value: connections });
  return connections;
}

/** The connections of a DataSource that was made safe; undefined: it never was. */
export function sqliteConnectionsOf(dataSource: DataSource): SqliteConnections | undefined {
  return (dataSource.driver as { [CONNECTIONS]?: SqliteConnections })[CONNECTIONS];
}

function replaceMethods(driver: SqliteDriver, connections: SqliteConnections, opener: HandleOpener): void {
  const disconnect = driver.disconnect.bind(driver);
  driver.createQueryRunner = (): QueryRunner => connections.createBareRunner();
  driver.createDatabaseConnection = () => opener.open({ attach: false });
  // TypeORM attaches through a runner, which no longer has the driver's own handle.
  driver.attachDatabases = async () => {
    if (!driver.databaseConnection) return;
    await opener.attachTo(driver.databaseConnection);
    connections.adoptMainHandle();
  };
  driver.disconnect = async () => {
    connections.close();
    await disconnect();
  };
}
