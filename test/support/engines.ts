import { randomBytes } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import type { DataSourceOptions } from 'typeorm';

export type Engine = 'sqlite' | 'mariadb' | 'mysql';

const SERVERS = { mariadb: 'MQ_TEST_MARIADB_URL', mysql: 'MQ_TEST_MYSQL_URL' } as const;

/** The engines that the test command could bring up; what it couldn't, it says itself. */
export const engines: Engine[] = (['sqlite', 'mariadb', 'mysql'] as const).filter(
  (engine) => engine === 'sqlite' || process.env[SERVERS[engine]],
);

/** A database of a test's own, and how to get rid of it. */
export interface TestDatabase {
  readonly engine: Engine;
  readonly options: DataSourceOptions;
  drop(): Promise<void>;
}

/**
 * @param charset the database's default on a server, which the library's tables must not depend on
 * @param server another one than that of all tests
 */
export async function createDatabase(
  engine: Engine,
  charset = 'utf8mb4',
  server?: string,
): Promise<TestDatabase> {
  return engine === 'sqlite' ? sqliteDatabase() : serverDatabase(engine, charset, server);
}

function sqliteDatabase(): TestDatabase {
  const folder = mkdtempSync(join(tmpdir(), 'mq-test-'));
  return {
    engine: 'sqlite',
    options: { type: 'better-sqlite3', database: join(folder, 'test.sqlite') },
    drop: async () => rmSync(folder, { recursive: true, force: true }),
  };
}

async function serverDatabase(
  engine: 'mariadb' | 'mysql',
  charset: string,
  server = process.env[SERVERS[engine]]!,
): Promise<TestDatabase> {
  const url = new URL(server);
  const name = `mq_test_${randomBytes(6).toString('hex')}`;
  const root = {
    host: url.hostname,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
  const onServer = async (statement: string) => {
    const connection = await createConnection(root);
    await connection.query(statement);
    await connection.end();
  };
  await onServer(`CREATE DATABASE ${name} CHARACTER SET ${charset}`);
  return {
    engine,
    options: {
      type: engine,
      host: root.host,
      port: root.port,
      username: root.user,
      password: root.password,
      database: name,
    },
    drop: () => onServer(`DROP DATABASE IF EXISTS ${name}`),
  };
}
