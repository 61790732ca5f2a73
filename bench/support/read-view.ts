import Sqlite from 'better-sqlite3';
import type { Connection as Session } from 'mysql2/promise';
import { type BenchDatabase, openSession } from './database.js';

/** Somebody's old read view: it needs the rows as they were, so what is deleted meanwhile stays to be stepped over. */
export interface ReadView {
  close(): Promise<void>;
}

export async function openReadView(database: BenchDatabase): Promise<ReadView> {
  if (database.options.type === 'better-sqlite3') return readFile(database.options.database);
  const session = await openSession(database);
  await session.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
  await session.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
  return { close: () => session.end() };
}

/** Asks, a tenth of a second apart, after which a history that gets no shorter is as short as it will be. */
const STEADY = 30;

/** Until the server has purged what nobody needs any more: servers leave some transactions for later. */
export async function whenPurged(server: Session | undefined): Promise<void> {
  if (!server) return;
  let least = Infinity;
  for (let steady = 0; steady < STEADY; steady++) {
    const [rows] = await server.query(
      "SELECT count AS n FROM information_schema.innodb_metrics WHERE name = 'trx_rseg_history_len'",
    );
    const left = Number((rows as [{ n: number }])[0].n);
    if (left < least) [least, steady] = [left, 0];
    await server.query('DO SLEEP(0.1)');
  }
}

async function readFile(file: string): Promise<ReadView> {
  const handle = new Sqlite(file, { readonly: true });
  handle.exec('BEGIN');
  handle.prepare('SELECT COUNT(*) FROM mq_topic').get();
  return { close: async () => void handle.close() };
}
