import type { QueryRunner } from 'typeorm';
import type { Connection } from '../../src/storage/index.js';

/** Counts the rows that the statements of some work look at, whether they answer with them or not. */
export async function rowsRead(
  runner: QueryRunner,
  work: (on: Connection) => Promise<unknown>,
): Promise<number> {
  const sqlite = runner.dataSource.options.type === 'better-sqlite3';
  await runner.startTransaction();
  try {
    return await (sqlite ? rowsReadBySqlite(runner, work) : rowsReadByServer(runner, work));
  } finally {
    await runner.rollbackTransaction();
  }
}

async function rowsReadByServer(
  runner: QueryRunner,
  work: (on: Connection) => Promise<unknown>,
): Promise<number> {
  const before = await handlerReads(runner);
  await work(runner);
  return (await handlerReads(runner)) - before;
}

/** Rows that the session has read in whatever way. Asking adds nothing to it. */
async function handlerReads(runner: QueryRunner): Promise<number> {
  if (runner.dataSource.options.type === 'postgres') {
    const [{ n }] = await runner.query(
      'SELECT SUM(COALESCE(seq_tup_read, 0) + COALESCE(idx_tup_fetch, 0)) AS n FROM pg_stat_xact_user_tables',
    );
    return Number(n);
  }
  const rows: { Value: string }[] = await runner.query("SHOW SESSION STATUS LIKE 'Handler_read%'");
  return rows.reduce((sum, { Value }) => sum + Number(Value), 0);
}

/** What is used here of better-sqlite3. */
interface RawSqlite {
  function(name: string, implementation: (value: unknown) => unknown): void;
  prepare(sql: string): { all(parameters: unknown[]): { detail: string }[] };
}

/**
 * SQLite keeps no such count: each statement must go by an index all the way, and those rows are counted whose
 * `available_at` it has to look at, which is in no index.
 */
async function rowsReadBySqlite(
  runner: QueryRunner,
  work: (on: Connection) => Promise<unknown>,
): Promise<number> {
  const raw = (await runner.connect()) as RawSqlite;
  let rows = 0;
  raw.function('looked_at', (value) => {
    rows++;
    return value;
  });
  await work({
    query: (sql, parameters, structured) => {
      for (const { detail } of raw.prepare(`EXPLAIN QUERY PLAN ${sql}`).all(parameters)) {
        if (/^SCAN (?!CONSTANT ROW|json_each)|TEMP B-TREE/.test(detail))
          throw new Error(`${detail} in ${sql}`);
      }
      return runner.query(
        sql.replace('available_at <=', 'looked_at(available_at) <='),
        parameters,
        structured,
      );
    },
  });
  return rows;
}
