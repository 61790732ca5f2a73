import Sqlite from 'better-sqlite3';
import { createConnection } from 'mysql2/promise';
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
  const { host, port, username: user, password, database } = options as ServerOptions;
  const connection = await createConnection({ host, port, user, password, database });
  const count = async () => {
    const [rows] = await connection.query(sql);
    return (rows as [{ n: number }])[0].n;
  };
  await connection.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  await connection.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
  const then = await count();
  return {
    end: async () => {
      const isSame = (await count()) === then;
      await connection.end();
      return isSame;
    },
  };
}
