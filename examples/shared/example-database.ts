import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource, type DataSourceOptions } from 'typeorm';

/** A database of an example's own: a temporary SQLite file, or one on a server. Nothing of it stays. */
export interface ExampleDatabase {
  /** For people: "SQLite", "MariaDB 10.11". */
  readonly engine: string;
  /** How to connect to it. */
  readonly options: DataSourceOptions;
  remove(): Promise<void>;
}

/**
 * @param url mysql:// or mariadb://. Without a database's name one is created, and dropped in the end; one that is
 *   named has to be empty, and is empty again in the end. No URL at all: a SQLite file.
 */
export async function createExampleDatabase(example: string, url?: string): Promise<ExampleDatabase> {
  return url === undefined ? sqliteFile(example) : onServer(example, new URL(url));
}

/** @throws Error unless it is the URL of a server, or none at all */
export function checkDatabaseUrl(url: string | undefined): void {
  if (url !== undefined && !(URL.canParse(url) && /^(mysql|mariadb):\/\/./.test(url))) {
    throw new Error('--database must be a URL that begins with mysql:// or mariadb://.');
  }
}

/** One connection without entities, for plain SQL. */
export async function connect(options: DataSourceOptions): Promise<DataSource> {
  return new DataSource(options).initialize();
}

async function sqliteFile(example: string): Promise<ExampleDatabase> {
  const folder = mkdtempSync(join(tmpdir(), `idempotent-mq-${example}-`));
  const removeFolder = () => rmSync(folder, { recursive: true, force: true });
  process.once('exit', removeFolder);
  return {
    engine: 'SQLite',
    options: { type: 'better-sqlite3', database: join(folder, `${example}.sqlite`) },
    remove: async () => {
      process.off('exit', removeFolder);
      removeFolder();
    },
  };
}

async function onServer(example: string, url: URL): Promise<ExampleDatabase> {
  const server = {
    type: url.protocol === 'mariadb:' ? ('mariadb' as const) : ('mysql' as const),
    host: url.hostname,
    port: Number(url.port || 3306),
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
  const named = decodeURIComponent(url.pathname.slice(1));
  const database = named || `idempotent_mq_${example.replaceAll('-', '_')}_${randomBytes(4).toString('hex')}`;
  const options = { ...server, database };
  const engine = await once(server, async (connection) => {
    if (!named) await connection.query(`CREATE DATABASE ${database} CHARACTER SET utf8mb4`);
    return nameOf(await connection.query('SELECT VERSION() AS version'));
  });
  if (!named) {
    return { engine, options, remove: () => once(server, (on) => on.query(`DROP DATABASE ${database}`)) };
  }
  await once(options, refuseTables);
  return { engine, options, remove: () => once(options, (on) => on.dropDatabase()) };
}

async function refuseTables(connection: DataSource): Promise<void> {
  const tables = await connection.query('SHOW TABLES');
  if (tables.length > 0) {
    throw new Error(
      `The database has tables already. Name an empty one, or none at all: then one is created, and dropped in the end.`,
    );
  }
}

async function once<T>(options: DataSourceOptions, work: (connection: DataSource) => Promise<T>): Promise<T> {
  const connection = await connect(options);
  try {
    return await work(connection);
  } finally {
    await connection.destroy();
  }
}

/** From "10.11.14-MariaDB-…" or "9.7.0". */
function nameOf([{ version }]: [{ version: string }]): string {
  const [, number] = /^(\d+\.\d+)/.exec(version) ?? [undefined, version];
  return `${version.includes('MariaDB') ? 'MariaDB' : 'MySQL'} ${number}`;
}
