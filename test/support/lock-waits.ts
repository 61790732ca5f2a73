import type { DataSource } from 'typeorm';
import { until } from './until.js';

/** InnoDB answers from a cache as long as somebody has asked within the last 100 ms. */
const EVERY_MS = 150;

/** Until so many sessions of this database wait for a lock of another (not on SQLite). */
export async function untilLockWaits(dataSource: DataSource, count: number): Promise<void> {
  await until(`${count} sessions wait for a lock`, async () => (await lockWaits(dataSource)) === count, {
    everyMs: EVERY_MS,
  });
}

async function lockWaits(dataSource: DataSource): Promise<number> {
  const [{ n }] = await dataSource.query(
    dataSource.options.type === 'postgres'
      ? `SELECT COUNT(*) AS n FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()`
      : `SELECT COUNT(*) AS n FROM information_schema.innodb_trx t
     JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id
     WHERE t.trx_state = 'LOCK WAIT' AND p.db = DATABASE()`,
  );
  return Number(n);
}
