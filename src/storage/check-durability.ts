import type { DataSource } from 'typeorm';
import { type Connection, read } from './execute.js';
import type { Database } from './tables.js';

/**
 * Which settings of the server lose commits that it has acknowledged, when it or its machine fails. The handles of SQLite
 * are set right by this library itself.
 */
export async function findDurabilityProblems({ dialect }: Database, on: Connection): Promise<string[]> {
  if (dialect.engine === 'sqlite') return [];
  const [row] = await read<{ flush_log: unknown; log_bin: unknown; sync_binlog: unknown }>(
    on,
    `SELECT @@GLOBAL.innodb_flush_log_at_trx_commit AS flush_log, @@GLOBAL.log_bin AS log_bin,
            @@GLOBAL.sync_binlog AS sync_binlog`,
    [],
  );
  const problems: string[] = [];
  if (Number(row?.flush_log) !== 1) {
    problems.push(`innodb_flush_log_at_trx_commit must be 1 (it is ${String(row?.flush_log)})`);
  }
  if (Number(row?.log_bin) === 1 && Number(row?.sync_binlog) !== 1) {
    problems.push(`sync_binlog must be 1, as the binary log is on (it is ${String(row?.sync_binlog)})`);
  }
  return problems;
}

const SYNCHRONOUS = ['OFF', 'NORMAL', 'FULL', 'EXTRA'];
const FULL = SYNCHRONOUS.indexOf('FULL');

/**
 * The same of a better-sqlite3 DataSource that was left as TypeORM made it. better-sqlite3 is built so that a file in WAL
 * mode, which this library sets, is NORMAL unless somebody says otherwise.
 */
export async function findProblemsOfLeftAlone(dataSource: DataSource): Promise<string[]> {
  if (dataSource.options.type !== 'better-sqlite3') return [];
  // A connection learns that its file is in WAL mode when it reads it.
  await dataSource.query('SELECT COUNT(*) FROM sqlite_master');
  const [row] = await dataSource.query<{ synchronous: number }[]>('PRAGMA synchronous');
  const level = Number(row?.synchronous);
  if (level >= FULL) return [];
  return [
    `PRAGMA synchronous must be FULL on the connection of the DataSource that sqlite.leaveDataSourceAlone leaves alone (it is ${SYNCHRONOUS[level] ?? level}); ` +
      "set it in the DataSource's options: prepareDatabase: (db) => db.pragma('synchronous = FULL')",
  ];
}
