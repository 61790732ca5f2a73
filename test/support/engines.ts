import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import type { DataSourceOptions } from 'typeorm';
import { takeMigrated } from './migrated-databases.js';

export const ALL_ENGINES = ['sqlite', 'mariadb', 'mysql', 'postgres'] as const;
export type Engine = (typeof ALL_ENGINES)[number];

const SERVERS = {
  mariadb: 'MQ_TEST_MARIADB_URL',
  mysql: 'MQ_TEST_MYSQL_URL',
  postgres: 'MQ_TEST_POSTGRES_URL',
} as const;

/** The engines that the test command could bring up; what it couldn't, it says itself. */
export const engines: Engine[] = ALL_ENGINES.filter(
  (engine) => engine === 'sqlite' || process.env[SERVERS[engine]],
);

/** For specs of what MySQL and MariaDB alone do, or that speak to their server through their driver. */
export const mysqlEngines: ('mariadb' | 'mysql')[] = engines.filter(
  (engine) => engine === 'mariadb' || engine === 'mysql',
);

/** A database of a test's own, and how to get rid of it. */
export interface TestDatabase {
  readonly engine: Engine;
  readonly options: DataSourceOptions;
  drop(): Promise<void>;
}

/** On MariaDB and MySQL, the library's tables are there already: another test has had them. An app makes what is missing. */
export async function createDatabase(engine: Engine): Promise<TestDatabase> {
  if (engine === 'sqlite' || engine === 'postgres') return emptyDatabase(engine);
  const at = root(engine);
  const taken = await takeMigrated(engine, at);
  return { engine, options: optionsOf(engine, at, taken.name), drop: () => taken.drop() };
}

/**
 * @param charset the database's default on a server, which the library's tables must not depend on
 * @param server another one than that of all tests
 */
export async function emptyDatabase(
  engine: Engine,
  charset = 'utf8mb4',
  server?: string,
): Promise<TestDatabase> {
  if (engine === 'sqlite') return sqliteDatabase();
  return engine === 'postgres' ? postgresDatabase(server) : serverDatabase(engine, charset, server);
}

function sqliteDatabase(): TestDatabase {
  const folder = mkdtempSync(join(tmpdir(), 'mq-test-'));
  return {
    engine: 'sqlite',
    options: { type: 'better-sqlite3', database: join(folder, 'test.sqlite') },
    drop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

interface Root {
  host: string;
  port: number;
  user: string;
  password: string;
}

function root(engine: 'mariadb' | 'mysql', server = process.env[SERVERS[engine]]!): Root {
  const url = new URL(server);
  return {
    host: url.hostname,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

function optionsOf(type: 'mariadb' | 'mysql', { user, ...at }: Root, database: string): DataSourceOptions {
  return { type, ...at, username: user, database };
}

async function serverDatabase(
  engine: 'mariadb' | 'mysql',
  charset: string,
  server?: string,
): Promise<TestDatabase> {
  const name = `mq_test_${randomBytes(6).toString('hex')}`;
  const at = root(engine, server);
  const onServer = async (statement: string) => {
    const connection = await createConnection({ ...at });
    await connection.query(statement);
    await connection.end();
  };
  await onServer(`CREATE DATABASE ${name} CHARACTER SET ${charset}`);
  return {
    engine,
    options: optionsOf(engine, at, name),
    drop: () => onServer(`DROP DATABASE IF EXISTS ${name}`),
  };
}

async function postgresDatabase(server = process.env[SERVERS.postgres]!): Promise<TestDatabase> {
  const { hostname: host, port, username, password } = new URL(server);
  const name = `mq_test_${randomBytes(6).toString('hex')}`;
  const onServer = async (statement: string) => {
    const client = new Client({ connectionString: server });
    await client.connect();
    await client.query(statement);
    await client.end();
  };
  await onServer(`CREATE DATABASE ${name}`);
  return {
    engine: 'postgres',
    options: {
      type: 'postgres',
      host,
      port: Number(port || 5432),
      username: decodeURIComponent(username),
      password: decodeURIComponent(password),
      database: name,
    },
    // Also where an app that was meant to fail has left a connection.
    drop: () => onServer(`DROP DATABASE IF EXISTS ${name} WITH (FORCE)`),
  };
}
