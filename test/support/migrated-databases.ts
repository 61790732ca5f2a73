import { createHash, randomBytes } from 'node:crypto';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';
import { DataSource } from 'typeorm';
import { type Database, databaseOf, migrate } from '../../src/storage/index.js';
import { SCHEMA_VERSION, createVersionTable, schemaStatements } from '../../src/storage/schema/ddl.js';

/**
 * Databases with the library's tables in them, for one test after the other: to make thirty tables takes a server as long
 * as all else of most tests. A database comes back when it is as it was once all rows are gone; else it is dropped.
 */

/** Where a server keeps the list of those that nobody uses, for all processes of a run. */
const LIST = 'mq_test_databases';
const NAMES = 'SELECT table_name AS name, table_type AS type FROM information_schema.tables';
/** More rows than this in a table are sooner dropped with it. */
const MANY_ROWS = 5_000;

export interface MigratedDatabase {
  readonly name: string;
  /** Gives it back, or drops it. */
  drop(): Promise<void>;
}

type Server = Pick<ConnectionOptions, 'host' | 'port' | 'user' | 'password'>;

export async function takeMigrated(type: 'mariadb' | 'mysql', server: Server): Promise<MigratedDatabase> {
  const pool = new Pool(type, server);
  return pool.take();
}

class Pool {
  private readonly tables: Database;
  /** Of another release's tables there are others. */
  private readonly release: string;

  constructor(
    private readonly type: 'mariadb' | 'mysql',
    private readonly server: Server,
  ) {
    this.tables = databaseOf(new DataSource({ type }));
    this.release = fingerprintOf(this.statements);
  }

  async take(): Promise<MigratedDatabase> {
    const taken = (await this.onServer((on) => this.takeFree(on))) ?? (await this.make());
    return { name: taken.name, drop: () => this.giveBack(taken) };
  }

  private get statements(): string[] {
    const all = [createVersionTable(this.tables)];
    for (let version = 1; version <= SCHEMA_VERSION; version++) {
      all.push(...schemaStatements(this.tables, version));
    }
    return all;
  }

  private async takeFree(on: Connection): Promise<Taken | undefined> {
    await on.query(`CREATE DATABASE IF NOT EXISTS ${LIST}`);
    await on.query(
      `CREATE TABLE IF NOT EXISTS ${LIST}.free (name VARCHAR(64), is_like CHAR(64), of_release CHAR(64), PRIMARY KEY (name))`,
    );
    const free = await rowsOf<Taken>(
      on,
      `SELECT name, is_like AS isLike FROM ${LIST}.free WHERE of_release = ? ORDER BY RAND()`,
      [this.release],
    );
    for (const one of free) {
      const [{ affectedRows }] = (await on.query(`DELETE FROM ${LIST}.free WHERE name = ?`, [one.name])) as [
        { affectedRows: number },
        unknown,
      ];
      if (affectedRows === 1) return one;
    }
    return undefined;
  }

  private async make(): Promise<Taken> {
    const name = `mq_test_${randomBytes(6).toString('hex')}`;
    await this.onServer((on) => on.query(`CREATE DATABASE ${name} CHARACTER SET utf8mb4`));
    const { host, port, user, password } = this.server;
    const at = { host, port, username: user, password, database: name } as object;
    const dataSource = await new DataSource({ type: this.type, ...at, poolSize: 1 }).initialize();
    try {
      await migrate(dataSource);
    } finally {
      await dataSource.destroy();
    }
    const isLike = await this.within(name, async (on) =>
      fingerprintOf((await this.describe(on)).definitions),
    );
    return { name, isLike };
  }

  private async giveBack({ name, isLike }: Taken): Promise<void> {
    const isClean = await this.within(name, async (on) => {
      await on.query('SET SESSION lock_wait_timeout = 1, innodb_lock_wait_timeout = 1');
      return (await isAlone(on, name)) && (await this.clean(on, isLike));
    }).catch(() => false);
    await this.onServer(async (on) => {
      if (!isClean) await on.query(`DROP DATABASE IF EXISTS ${name}`);
      else await on.query(`INSERT INTO ${LIST}.free VALUES (?, ?, ?)`, [name, isLike, this.release]);
    });
  }

  private async clean(on: Connection, isLike: string): Promise<boolean> {
    const ours = new Set<string>(Object.values(this.tables.tableNames));
    const all = await rowsOf<{ name: string; type: string }>(on, `${NAMES} WHERE table_schema = DATABASE()`);
    for (const { name, type } of all.filter((table) => !ours.has(table.name))) {
      await on.query(`DROP ${type === 'VIEW' ? 'VIEW' : 'TABLE'} \`${name}\``);
    }
    const { definitions, numbered } = await this.describe(on);
    if (fingerprintOf(definitions) !== isLike) return false;

    const { schema_version: _, ...emptied } = this.tables.tables;
    for (const [table, rows] of Object.entries(await countUpTo(on, Object.values(emptied), MANY_ROWS + 1))) {
      if (rows > MANY_ROWS) return false;
      if (rows > 0) await on.query(`DELETE FROM ${table}`);
    }
    for (const table of numbered) await on.query(`ALTER TABLE ${table} AUTO_INCREMENT = 1`);
    for (const statement of this.statements.filter((one) => one.startsWith('INSERT')))
      await on.query(statement);
    return true;
  }

  /** All that there is in a database but its rows, and which of its tables have given out numbers. */
  private async describe(on: Connection): Promise<{ definitions: string[]; numbered: string[] }> {
    const tables = Object.values(this.tables.tables);
    const definitions: string[] = [];
    const numbered: string[] = [];
    const [answers] = (await on.query(tables.map((table) => `SHOW CREATE TABLE ${table}`).join(';'))) as [
      { 'Create Table': string }[][],
      unknown,
    ];
    for (const [i, [row]] of answers.entries()) {
      const sql = row!['Create Table'];
      if (/ AUTO_INCREMENT=\d+/.test(sql)) numbered.push(tables[i]!);
      definitions.push(sql.replace(/ AUTO_INCREMENT=\d+/, ''));
    }
    const others = await rowsOf<{ n: number | string }>(
      on,
      `SELECT (SELECT COUNT(*) FROM information_schema.triggers WHERE trigger_schema = DATABASE())
            + (SELECT COUNT(*) FROM information_schema.routines WHERE routine_schema = DATABASE())
            + (SELECT COUNT(*) FROM information_schema.events WHERE event_schema = DATABASE()) AS n`,
    );
    return { definitions: [...definitions, String(others[0]?.n)], numbered };
  }

  private onServer<T>(work: (on: Connection) => Promise<T>): Promise<T> {
    return connected(this.server, work);
  }

  private within<T>(database: string, work: (on: Connection) => Promise<T>): Promise<T> {
    return connected({ ...this.server, database, multipleStatements: true }, work);
  }
}

interface Taken {
  readonly name: string;
  /** What it looks like without rows. */
  readonly isLike: string;
}

/** Who still writes there must not do so in another test. A session ends a moment after its connection. */
async function isAlone(on: Connection, name: string): Promise<boolean> {
  for (let look = 0; look < 20; look++) {
    const sessions = await rowsOf(
      on,
      'SELECT id FROM information_schema.processlist WHERE db = ? AND id <> CONNECTION_ID()',
      [name],
    );
    if (sessions.length === 0) return true;
  }
  return false;
}

async function countUpTo(on: Connection, tables: string[], most: number): Promise<Record<string, number>> {
  const each = tables.map(
    (table) =>
      `SELECT '${table}' AS name, (SELECT COUNT(*) FROM (SELECT 1 FROM ${table} LIMIT ${most}) r) AS n`,
  );
  const counts = await rowsOf<{ name: string; n: number | string }>(on, each.join(' UNION ALL '));
  return Object.fromEntries(counts.map(({ name, n }) => [name, Number(n)]));
}

async function connected<T>(options: ConnectionOptions, work: (on: Connection) => Promise<T>): Promise<T> {
  const connection = await createConnection(options);
  try {
    return await work(connection);
  } finally {
    await connection.end();
  }
}

async function rowsOf<T>(on: Connection, sql: string, values: unknown[] = []): Promise<T[]> {
  return (await on.query(sql, values))[0] as T[];
}

function fingerprintOf(texts: readonly string[]): string {
  return createHash('sha256').update(texts.join('\n')).digest('hex');
}
