import type { DataSource } from 'typeorm';
import { SchemaMissingError, describeError } from '../../errors/index.js';
import { type Connection, read, write } from '../execute.js';
import { commit } from '../statements/index.js';
import { DEFAULT_TABLE_PREFIX, type Database, TABLES, databaseOf, isTablePrefix } from '../tables.js';
import { SCHEMA_VERSION, createVersionTable, schemaStatements } from './ddl.js';

/**
 * Brings the library's tables to this release's version. Any number of processes may call it at once: one does it, the
 * others wait for it.
 */
export async function migrate(dataSource: DataSource, tablePrefix?: string): Promise<void> {
  const database = databaseOf(dataSource, tablePrefix);
  const runner = dataSource.createQueryRunner('master');
  try {
    await runner.connect();
    await LOCKS[database.dialect.engine](database)(runner, () => applyVersions(database, runner));
  } finally {
    await runner.release();
  }
}

/** The statements of each version that is not there yet. Those of MySQL commit by themselves, so each may be repeated. */
export async function applyVersions(database: Database, on: Connection): Promise<void> {
  await write(on, createVersionTable(database), []);
  const current = await schemaVersion(database, on);
  if (current > SCHEMA_VERSION) throw newerSchema(current);
  for (let version = current + 1; version <= SCHEMA_VERSION; version++) {
    for (const statement of schemaStatements(database, version)) await write(on, statement, []);
    await write(on, `INSERT INTO ${database.tables.schema_version} (version) VALUES (?)`, [version]);
  }
}

/** @throws SchemaMissingError when the tables are not there, or not of this release's version */
export async function checkSchema(database: Database, on: Connection): Promise<void> {
  const remedy = `Run the migrations (${migrateCommandFor(database)}, or idempotentMqMigrations() in the list of your own), or in development set schema: "ensure".`;
  let version: number;
  try {
    version = await schemaVersion(database, on);
  } catch (cause) {
    throw new SchemaMissingError(
      `The tables ${database.tableNames.schema_version} and its siblings can't be read (${describeError(cause)}). ${remedy}`,
      { cause },
    );
  }
  if (version > SCHEMA_VERSION) throw newerSchema(version);
  if (version < SCHEMA_VERSION) throw wrongVersion(version, remedy);
  await checkTables(database, on);
}

/** One statement that names each table and reads no row of any: the database says which one it doesn't find. */
async function checkTables({ tableNames, tables }: Database, on: Connection): Promise<void> {
  const each = TABLES.map((key) => `(SELECT COUNT(*) FROM ${tables[key]} WHERE 1 = 0)`);
  try {
    await read(on, `SELECT ${each.join(' + ')} AS none`, []);
  } catch (cause) {
    throw new SchemaMissingError(
      `A table of version ${SCHEMA_VERSION} can't be read (${describeError(cause)}): somebody has dropped it, with what was in it, or this user may not read it. ` +
        `Restore it. To begin with an empty one, which loses what was in it: DELETE FROM ${tableNames.schema_version}, and run the migrations again.`,
      { cause },
    );
  }
}

const URLS: Record<Database['dialect']['engine'], string> = {
  mysql: 'mysql://USER:PASSWORD@HOST/NAME',
  postgres: 'postgres://USER:PASSWORD@HOST/NAME',
  sqlite: 'sqlite:FILE',
};

/** On the command line there is one prefix, for the app's `entityPrefix` as well. */
function migrateCommandFor({ tableNames, dialect }: Database): string {
  const command = `npx nestjs-idempotent-mq migrate --database ${URLS[dialect.engine]}`;
  const [, prefix] = /^(.*)schema_version$/.exec(tableNames.schema_version) ?? [];
  if (prefix === DEFAULT_TABLE_PREFIX) return command;
  if (prefix !== undefined && isTablePrefix(prefix)) return `${command} --table-prefix ${prefix}`;
  // A naming strategy, or a prefix that is too long: only the app's own DataSource makes these names.
  return 'npx nestjs-idempotent-mq migrate --data-source FILE --table-prefix PREFIX, as in forRoot({ tablePrefix })';
}

function newerSchema(version: number): SchemaMissingError {
  return wrongVersion(version, 'Update the package nestjs-idempotent-mq.');
}

function wrongVersion(version: number, remedy: string): SchemaMissingError {
  return new SchemaMissingError(
    `The tables are of version ${version}, and this release works with version ${SCHEMA_VERSION}. ${remedy}`,
  );
}

/** 0 before the first migration. */
export async function schemaVersion({ tables }: Database, on: Connection): Promise<number> {
  const rows = await read<{ version: number | string | null }>(
    on,
    `SELECT MAX(version) AS version FROM ${tables.schema_version}`,
    [],
  );
  return Number(rows[0]?.version ?? 0);
}

type Locked = (on: Connection & LockRunner, work: () => Promise<void>) => Promise<void>;

interface LockRunner {
  startTransaction(): Promise<void>;
  commitTransaction(): Promise<void>;
  rollbackTransaction(): Promise<void>;
}

const LOCK_WAIT_SECONDS = 60;

function mysqlLock(database: Database): Locked {
  return async (on, work) => {
    // Named locks are the server's, not the database's, and at most 64 characters long.
    const [lock] = await read<{ name: string }>(
      on,
      `SELECT CONCAT('nestjs-idempotent-mq:', LEFT(SHA2(CONCAT(COALESCE(DATABASE(), ''), ?), 256), 32)) AS name`,
      [database.tables.schema_version],
    );
    const [answer] = await read<{ locked: number | string | null }>(on, 'SELECT GET_LOCK(?, ?) AS locked', [
      lock?.name,
      LOCK_WAIT_SECONDS,
    ]);
    if (Number(answer?.locked) !== 1) {
      throw lockedByAnother(`named lock ${lock?.name}`);
    }
    try {
      // Around it, because the app's sessions may have autocommit off: an old snapshot before, nothing durable after.
      await commit(on);
      await work();
      await commit(on);
    } finally {
      await read(on, 'SELECT RELEASE_LOCK(?) AS released', [lock?.name]);
    }
  };
}

/** One transaction, which SQLite has one of at a time, and on PostgreSQL locks out others with its first statement. */
const inTransaction =
  (lock: (on: Connection) => Promise<unknown>): Locked =>
  async (on, work) => {
    await on.startTransaction();
    try {
      await lock(on);
      await work();
      await on.commitTransaction();
    } catch (error) {
      await on.rollbackTransaction();
      throw error;
    }
  };

/** A lock of the database's, which is known by a number. */
const postgresLock = ({ tables, dialect }: Database) =>
  inTransaction(async (on) => {
    // At another level, what the one before has created would not be seen after the wait.
    await write(on, 'SET TRANSACTION ISOLATION LEVEL READ COMMITTED', []);
    await write(on, `SET LOCAL lock_timeout = '${LOCK_WAIT_SECONDS}s'`, []);
    try {
      await read(on, 'SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ?, 0))', [
        `nestjs-idempotent-mq:${tables.schema_version}`,
      ]);
    } catch (error) {
      throw dialect.isContention(error) ? lockedByAnother('an advisory lock, see pg_locks') : error;
    }
  });

const LOCKS: Record<Database['dialect']['engine'], (database: Database) => Locked> = {
  mysql: mysqlLock,
  postgres: postgresLock,
  sqlite: () => inTransaction(() => Promise.resolve()),
};

function lockedByAnother(lock: string): SchemaMissingError {
  return new SchemaMissingError(
    `Another process has been changing the tables for ${LOCK_WAIT_SECONDS} s (${lock}). Look whether it hangs, then start again.`,
  );
}
