import { type Connection, read } from './execute.js';
import type { Database } from './tables.js';

/**
 * Which settings of the server lose commits that it has acknowledged, when it or its machine fails. SQLite is set right by
 * this library itself.
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
