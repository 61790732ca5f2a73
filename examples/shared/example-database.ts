import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { serverOf } from './server-kinds.js';
import { withoutPassword } from './without-password.js';

/** A database of an example's own: a temporary SQLite file, or one on a server. Nothing of it stays. */
export interface ExampleDatabase {
  /** For people: "SQLite", "MariaDB 10.11". */
  readonly engine: string;
  /** How to connect to it. */
  readonly options: DataSourceOptions;
  remove(): Promise<void>;
}

/**
 * @param url mysql://, mariadb:// or postgres://. Without a database's name one is created, and dropped in the end; one that is
 *   named has to be empty, and is empty again in the end. No URL at all: a SQLite file.
 */
export async function createExampleDatabase(example: string, url?: string): Promise<ExampleDatabase> {
  if (url === undefined) return sqliteFile(example);
  try {
    return await onServer(example, new URL(url));
  } catch (cause) {
    throw new Error(
      `--database ${withoutPassword(url)} can't be used: ${(cause as Error).message || String(cause)}`,
      { cause },
    );
  }
}

/** @throws Error unless it is the URL of a server, or none at all */
export function checkDatabaseUrl(url: string | undefined): void {
  if (url !== undefined && !(URL.canParse(url) && /^(mysql|mariadb|postgres|postgresql):\/\/./.test(url))) {
    throw new Error(
      `--database must be a URL that begins with mysql://, mariadb:// or postgres:// (got ${withoutPassword(url)}).`,
    );
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
  const { type, port, entrance, create, drop, listTables } = serverOf(url);
  const server = {
    type,
    host: url.hostname,
    port: Number(url.port || port),
    username: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  } as DataSourceOptions;
  const named = decodeURIComponent(url.pathname.slice(1));
  const database = named || `idempotent_mq_${example.replaceAll('-', '_')}_${randomBytes(4).toString('hex')}`;
  const options = { ...server, database } as DataSourceOptions;
  const outside = { ...server, ...(entrance && { database: entrance }) } as DataSourceOptions;
  const engine = await once(named ? options : outside, async (connection) => {
    if (!named) await connection.query(create(database));
    return nameOf(await connection.query('SELECT VERSION() AS version'));
  });
  if (!named) {
    return { engine, options, remove: () => once(outside, (on) => on.query(drop(database))) };
  }
  await once(options, async (connection) => refuseTables(await connection.query(listTables)));
  return { engine, options, remove: () => once(options, (on) => on.dropDatabase()) };
}

function refuseTables(tables: readonly unknown[]): void {
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

/** From "10.11.14-MariaDB-…", "9.7.0" or "PostgreSQL 15.14 (Debian …)…". */
function nameOf([{ version }]: [{ version: string }]): string {
  const [, number] = /(\d+\.\d+)/.exec(version) ?? [undefined, version];
  const [product = 'MySQL'] = /MariaDB|PostgreSQL/.exec(version) ?? [];
  return `${product} ${number}`;
}
