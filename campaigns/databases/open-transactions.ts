import { setTimeout as pause } from 'node:timers/promises';
import type { Pair } from './pair.js';
import type { Raw } from './raw.js';

/** Longest time for those that are open to end, in milliseconds: a server drops a dead client's after some seconds. */
const PATIENCE_MS = 60_000;
/** Servers look at their transactions ten times a second at most, and say in between what they saw: also before the first look. */
const LOOK_MS = 150;

/**
 * Waits for each transaction that is open in one of the databases: whoever holds nothing any more can have its effect yet,
 * as long as its transaction is. On SQLite none outlives its process.
 *
 * @returns those that did not come to their end
 */
export async function transactionsOver({
  business,
  broker,
  rawBusiness,
  rawBroker,
}: Pair): Promise<string[]> {
  if (business.engine === 'sqlite') return [];
  const names = [...new Set([business, broker])].map(({ options }) => options.database as string);
  const raws = [...new Set([rawBusiness, rawBroker])];
  const openIn = business.engine === 'postgres' ? openOnPostgres : openOnMysql;
  const open = async () => new Set((await Promise.all(raws.map((raw) => openIn(raw, names)))).flat());
  const began = performance.now();
  await pause(LOOK_MS);
  let left = [...(await open())];
  while (left.length > 0 && performance.now() - began < PATIENCE_MS) {
    await pause(LOOK_MS);
    const now = await open();
    left = left.filter((transaction) => now.has(transaction));
  }
  return left;
}

/** By what each is known: a connection has one after the other. */
async function openOnMysql(raw: Raw, databases: readonly string[]): Promise<string[]> {
  const rows = await raw.query(
    `SELECT t.trx_id AS id, t.trx_started AS since, p.ID AS connection
     FROM information_schema.INNODB_TRX t JOIN information_schema.PROCESSLIST p ON p.ID = t.trx_mysql_thread_id
     WHERE p.DB IN (?) AND p.ID <> CONNECTION_ID()`,
    [databases],
  );
  return rows.map(
    ({ id, since, connection }) =>
      `transaction ${String(id)} of connection ${String(connection)} since ${String(since)}`,
  );
}

/** One that has written nothing has no number there. */
async function openOnPostgres(raw: Raw, databases: readonly string[]): Promise<string[]> {
  const rows = await raw.query(
    `SELECT pid, xact_start::text AS since FROM pg_stat_activity
     WHERE datname IN (${databases.map(() => '?').join(', ')}) AND backend_type = 'client backend'
       AND xact_start IS NOT NULL AND pid <> pg_backend_pid()`,
    [...databases],
  );
  return rows.map(({ pid, since }) => `transaction of connection ${String(pid)} since ${String(since)}`);
}
