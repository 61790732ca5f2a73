import type { DataSource } from 'typeorm';
import { type Connection, read } from './execute.js';
import type { Database } from './tables.js';

/** By name, since not every server knows all of them. */
const SETTINGS = `SHOW GLOBAL VARIABLES WHERE Variable_name IN
  ('version', 'innodb_flush_log_at_trx_commit', 'innodb_flush_method', 'log_bin', 'sync_binlog')`;
/** MySQL's ALTER INSTANCE DISABLE INNODB REDO_LOG, which is meant for a bulk load. */
const REDO_LOG = "SHOW GLOBAL STATUS LIKE 'Innodb_redo_log_enabled'";

/** As this session has them: a role or a database may have its own. */
const POSTGRES_SETTINGS = `SELECT name AS "Variable_name", setting AS "Value" FROM pg_settings
  WHERE name IN ('fsync', 'full_page_writes', 'synchronous_commit')`;

interface NamedValue {
  Variable_name: string;
  Value: string;
}

/**
 * Which settings of the server lose commits that it has acknowledged, when it or its machine fails. The handles of SQLite
 * are set right by this library itself.
 */
export async function findDurabilityProblems({ dialect }: Database, on: Connection): Promise<string[]> {
  if (dialect.engine === 'sqlite') return [];
  if (dialect.engine === 'postgres') return findPostgresProblems(on);
  const rows = [...(await read<NamedValue>(on, SETTINGS, [])), ...(await read<NamedValue>(on, REDO_LOG, []))];
  const settings = new Map(rows.map(({ Variable_name, Value }) => [Variable_name.toLowerCase(), Value]));
  const isMariaDb = /mariadb/i.test(settings.get('version') ?? '');
  const problems: string[] = [];
  const must = (name: string, expected: string) =>
    problems.push(`${name} must be ${expected} (it is ${settings.get(name)})`);

  const flush = settings.get('innodb_flush_log_at_trx_commit');
  // MariaDB's 3 syncs as often as 1 does, or more.
  if (flush !== '1' && !(isMariaDb && flush === '3')) must('innodb_flush_log_at_trx_commit', '1');
  if (settings.get('log_bin') === 'ON' && settings.get('sync_binlog') !== '1') {
    must('sync_binlog', '1, as the binary log is on');
  }
  if (/^(no|little)sync$/i.test(settings.get('innodb_flush_method') ?? '')) {
    must('innodb_flush_method', 'one that syncs, such as fsync or O_DIRECT');
  }
  if (settings.get('innodb_redo_log_enabled') === 'OFF') {
    must('innodb_redo_log_enabled', 'ON: ALTER INSTANCE ENABLE INNODB REDO_LOG');
  }
  return problems;
}

/**
 * Any other value of synchronous_commit waits until the server's own disk has the commit; how far a standby has to be,
 * which is what it adds, depends on what a failover may lose.
 */
async function findPostgresProblems(on: Connection): Promise<string[]> {
  const rows = await read<NamedValue>(on, POSTGRES_SETTINGS, []);
  return rows.flatMap(({ Variable_name, Value }) =>
    Value === 'off' ? [`${Variable_name} must be on (it is ${Value})`] : [],
  );
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
