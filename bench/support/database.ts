import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection as Session, createConnection } from 'mysql2/promise';
import type { DataSourceOptions } from 'typeorm';
import { describePostgres, postgresDatabase } from './postgres-database.js';

export type Engine = 'sqlite' | 'mariadb' | 'mysql' | 'postgres';

export interface BenchDatabase {
  readonly engine: Engine;
  readonly options: DataSourceOptions;
  drop(): Promise<void>;
}

/** @param url `mariadb://`, `mysql://` or `postgres://`, of a user who may create databases; undefined, or `sqlite:`: SQLite */
export async function createDatabase(url: string | undefined): Promise<BenchDatabase> {
  const engine = engineOf(url ?? 'sqlite:');
  if (url === undefined || engine === 'sqlite') return sqliteFile();
  const name = `mq_bench_${randomBytes(5).toString('hex')}`;
  if (engine === 'postgres') return postgresDatabase(url, name);
  await onServer(url, `CREATE DATABASE ${name}`);
  return {
    engine,
    options: { type: engine, ...addressOf(url), database: name } as DataSourceOptions,
    drop: () => onServer(url, `DROP DATABASE ${name}`),
  };
}

/** @throws Error naming what it begins with, if that is none */
export function engineOf(url: string): Engine {
  const [scheme] = url.split(':', 1);
  if (scheme === 'sqlite' || scheme === 'mariadb' || scheme === 'mysql' || scheme === 'postgres')
    return scheme;
  throw new Error(`--database must begin with mariadb://, mysql://, postgres:// or sqlite: (got ${scheme}).`);
}

/** A session of its own, beside those of the library. */
export async function openSession({ options }: BenchDatabase): Promise<Session> {
  const { host, port, username, password, database } = options as unknown as Record<string, never>;
  return createConnection({ host, port, user: username, password, database });
}

/** What a server says of itself, for the figures' head. */
export async function describeServer(session: Session): Promise<string> {
  const [rows] = await session.query(
    'SELECT VERSION() AS version, ROUND(@@innodb_buffer_pool_size / 1048576) AS pool, @@innodb_flush_log_at_trx_commit AS flushed',
  );
  const [{ version, pool, flushed }] = rows as [Record<string, unknown>];
  return `${String(version)}, buffer pool ${String(pool)} MiB, innodb_flush_log_at_trx_commit ${String(flushed)}`;
}

export async function onServer(url: string, statement: string): Promise<void> {
  const { username: user, ...address } = addressOf(url);
  const session = await createConnection({ ...address, user });
  await session.query(statement).finally(() => session.end());
}

function addressOf(url: string) {
  const { hostname, port, username, password } = new URL(url);
  return {
    host: hostname,
    port: Number(port || 3306),
    username: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
}

function sqliteFile(): BenchDatabase {
  const folder = mkdtempSync(join(tmpdir(), 'mq-bench-'));
  return {
    engine: 'sqlite',
    options: { type: 'better-sqlite3', database: join(folder, 'bench.sqlite') },
    drop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

/** What was measured on: a server of which nobody but `url` knows, or SQLite. */
export async function describeDatabase(url: string | undefined): Promise<string> {
  const engine = engineOf(url ?? 'sqlite:');
  if (url === undefined || engine === 'sqlite') return 'SQLite';
  if (engine === 'postgres') return describePostgres(url);
  const database = await createDatabase(url);
  const session = await openSession(database);
  try {
    return await describeServer(session);
  } finally {
    await session.end();
    await database.drop();
  }
}
