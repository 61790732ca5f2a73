import type { DataSource, QueryRunner } from 'typeorm';
import { UnsupportedDatabaseError } from '../../errors/index.js';
import type { DriverRunnerClass, SqliteDriver } from './driver-surface.js';
import { unsupportedTypeorm } from './safe-query-runner.js';

const DRIVER_METHODS = [
  'createQueryRunner',
  'createDatabaseConnection',
  'attachDatabases',
  'disconnect',
  'sqlite',
];
const RUNNER_METHODS = ['getStmt', 'query', 'connect', 'release'];
const TRANSACTION_METHODS = ['startTransaction', 'commitTransaction', 'rollbackTransaction'];
const MIGRATION_METHODS = ['beforeMigration', 'afterMigration'];

/**
 * The driver of the DataSource, seen with the private parts that this folder relies on.
 *
 * @throws UnsupportedDatabaseError where the DataSource is of another type, or TypeORM has changed
 */
export function sqliteDriverOf(dataSource: DataSource): SqliteDriver {
  const { type } = dataSource.options;
  if (type !== 'better-sqlite3') {
    throw new UnsupportedDatabaseError(
      `makeSqliteSafe is for DataSources of type better-sqlite3 (got ${type}).`,
    );
  }
  requireMethods('its BetterSqlite3Driver', dataSource.driver, DRIVER_METHODS);
  const driver = dataSource.driver as unknown as SqliteDriver;
  if (typeof driver.attachedDatabases !== 'object' || typeof driver.options !== 'object') {
    throw unsupportedTypeorm('its BetterSqlite3Driver has no attachedDatabases or options any more');
  }
  return driver;
}

/** @throws UnsupportedDatabaseError where TypeORM's runner has changed */
export function runnerClassOf(driver: SqliteDriver): DriverRunnerClass {
  const shared = driver.queryRunner;
  const runner = driver.createQueryRunner('master');
  driver.queryRunner = shared;
  requireMethods('its BetterSqlite3QueryRunner', runner, [
    ...RUNNER_METHODS,
    ...TRANSACTION_METHODS,
    ...MIGRATION_METHODS,
  ]);
  if (!('transactionDepth' in runner) || runner.isTransactionActive === undefined) {
    throw unsupportedTypeorm('its BetterSqlite3QueryRunner no longer counts its transactions');
  }
  return (Object.getPrototypeOf(runner) as QueryRunner).constructor as unknown as DriverRunnerClass;
}

function requireMethods(owner: string, object: object, names: string[]): void {
  for (const name of names) {
    if (typeof (object as Record<string, unknown>)[name] !== 'function') {
      throw unsupportedTypeorm(`${owner} has no ${name} any more`);
    }
  }
}
