import Sqlite from 'better-sqlite3';
import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import type { CampaignDatabase } from './create.js';
import type { ServerOptions } from './raw.js';

/** A transaction that has read once, and keeps the server from purging what it saw. */
export interface OldView {
  /** @returns whether it still sees what was there when it began */
  end(): Promise<boolean>;
}

/** @param table in which rows come and go */
export async function openView({ options }: CampaignDatabase, table: string): Promise<OldView> {
  const sql = `SELECT COUNT(*) AS n FROM ${table}`;
  if (options.type === 'better-sqlite3') {
    const handle = new Sqlite(options.database, { timeout: 10_000 });
    const count = () => (handle.prepare(sql).get() as { n: number }).n;
    handle.exec('BEGIN');
    const then = count();
    return {
      end: async () => {
        const isSame = count() === then;
        handle.close();
        return isSame;
      },
    };
  }
  return options.type === 'postgres'
    ? openOnPostgres(options as ServerOptions, sql)
    : openOnMysql(options as ServerOptions, sql);
}

async function openOnMysql(
  { host, port, username: user, password, database }: ServerOptions,
  sql: string,
): Promise<OldView> {
  const connection = await createConnection({ host, port, user, password, database });
  const count = async () => {
    const [rows] = await connection.query(sql);
    return (rows as [{ n: number }])[0].n;
  };
  await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
  return viewOf(count, () => connection.end());
}

async function openOnPostgres(
  { host, port, username: user, password, database }: ServerOptions,
  sql: string,
): Promise<OldView> {
  const client = new Client({ host, port, user, password, database });
  await client.connect();
  await client.query('BEGIN ISOLATION LEVEL REPEATABLE READ');
  const count = async () => Number((await client.query<{ n: string }>(sql)).rows[0]!.n);
  return viewOf(count, () => client.end());
}

/** From its first look on it sees what was there then. */
async function viewOf(count: () => Promise<number>, close: () => Promise<void>): Promise<OldView> {
  const then = await count();
  return {
    end: async () => {
      const isSame = (await count()) === then;
      await close();
      return isSame;
    },
  };
}
