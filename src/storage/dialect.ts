import { UnsupportedDatabaseError, errorCode } from '../errors/index.js';

/** A column whose name MariaDB reserves with sql_mode=ORACLE. Every engine takes the backticks. */
export const BODY = '`body`';

/** What differs between the engines. All else of a statement is the same for all. */
export interface Dialect {
  readonly engine: 'mysql' | 'sqlite';
  /** An error of its COMMIT is a no: no answer can get lost on its way, since there is none. */
  readonly isWithinProcess: boolean;
  quote(name: string): string;
  /** The database's clock, in microseconds since 1970 UTC. */
  readonly now: string;
  /** Appended to a SELECT of a claim: pass over what another claimer has locked. */
  readonly forUpdateSkipLocked: string;
  readonly forUpdate: string;
  /** Appended to a SELECT: hold what was read until the transaction ends. */
  readonly forShare: string;
  isDuplicateKey(error: unknown): boolean;
  /** Two transactions got in each other's way: nobody's fault, so it counts as no attempt. */
  isContention(error: unknown): boolean;
  /** The database takes no writes for now, whoever sends them: it is read-only, or full. Counts as no attempt either. */
  isUnwritable(error: unknown): boolean;
  /** The database's user lacks a privilege that the statement needs. */
  isNotAllowed(error: unknown): boolean;
  /** Somebody ended the statement, or with it the connection, which only the next statement tells. */
  isInterrupted(error: unknown): boolean;
  /** The whole transaction is gone after this error, whoever swallows it. */
  endsTransaction(error: unknown): boolean;
  /** The server has rolled back the whole transaction, for sure. SQLite is asked instead. */
  undoesTransaction(error: unknown): boolean;
}

const MYSQL_CONTENTION = new Set([
  1205, // lock wait timeout
  1206, // too many locks
  1213, // deadlock
  1020, // MariaDB 11.8 at REPEATABLE READ: record has changed since last read
  3572, // NOWAIT
]);

const MYSQL_NOT_ALLOWED = new Set([
  1142, // a command on a table
  1227, // a privilege of the server, such as PROCESS
]);

const CONNECTION_LOST = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR',
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
]);
/** What a server says before it closes the connection. Not all of these have a name in mysql2. */
const CONNECTION_CLOSED = new Set([
  1053, // shutdown
  1927, // MariaDB: connection was killed
  3169, // MySQL: session was killed
  4031, // disconnected because of inactivity
  4092, // shutdown, new connections
]);

/**
 * The connection is gone, and its transaction with it. Only an error that the driver itself raised counts: it calls those
 * fatal that leave no connection, also where they have no code (a statement on a connection that was lost before).
 */
export function isConnectionLost(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('driverError' in error)) return false;
  const { code, errno, fatal } = (error.driverError ?? {}) as {
    code?: string;
    errno?: number;
    fatal?: boolean;
  };
  return fatal === true || CONNECTION_LOST.has(code ?? '') || CONNECTION_CLOSED.has(errno ?? 0);
}

const UNREACHABLE = new Set([...CONNECTION_LOST, 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
const TOO_MANY_CONNECTIONS = 1040;

/** No connection could be made, and one may be made later: not a wrong password, nor a database that is not there. */
export function isUnreachable(error: unknown): boolean {
  const { code, errno } = ((error as { driverError?: unknown } | null)?.driverError ?? error ?? {}) as {
    code?: string;
    errno?: number;
  };
  return UNREACHABLE.has(code ?? '') || errno === TOO_MANY_CONNECTIONS || CONNECTION_CLOSED.has(errno ?? 0);
}

const MYSQL_OPTION_PREVENTS_STATEMENT = 1290;
const MYSQL_DISK_FULL = 1021;
const MYSQL_TABLE_FULL = 1114;
/** Errors of a file, which name the operating system's own: 28 is a disk that is full. */
const MYSQL_FILE_ERRORS = new Set([
  3, // writing a file
  1026, // the same
  1030, // of the storage engine
]);

/** Not the others: after a lock wait timeout, or NOWAIT, the transaction goes on, and may publish. */
const MYSQL_UNDONE = new Set([1213, 1020]);

const mysql: Dialect = {
  engine: 'mysql',
  isWithinProcess: false,
  quote: (name) => '`' + name.replaceAll('`', '``') + '`',
  // Not UNIX_TIMESTAMP(NOW(6)): that goes through the session's time zone, where an hour of autumn is ambiguous.
  now: "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
  forUpdateSkipLocked: ' FOR UPDATE SKIP LOCKED',
  forUpdate: ' FOR UPDATE',
  forShare: ' LOCK IN SHARE MODE',
  isDuplicateKey: (error) => driverErrno(error) === 1062,
  isContention: (error) => MYSQL_CONTENTION.has(driverErrno(error) ?? 0) || sqlState(error) === '40001',
  isUnwritable: (error) => isReadOnly(error) || isDiskFull(error),
  isNotAllowed: (error) => MYSQL_NOT_ALLOWED.has(driverErrno(error) ?? 0),
  isInterrupted: (error) => driverErrno(error) === 1317,
  // 1205 ends it only with innodb_rollback_on_timeout, which a handler can't know: treat both alike. And what a read-only
  // server has refused would be missing, or a full one, should it take the COMMIT.
  endsTransaction: (error) =>
    mysql.isContention(error) || mysql.isUnwritable(error) || isConnectionLost(error),
  undoesTransaction: (error) => MYSQL_UNDONE.has(driverErrno(error) ?? 0),
};

const sqlite: Dialect = {
  engine: 'sqlite',
  isWithinProcess: true,
  quote: (name) => `"${name.replaceAll('"', '""')}"`,
  now: "CAST(ROUND(unixepoch('now', 'subsec') * 1000) AS INTEGER) * 1000",
  // One writer at a time: BEGIN IMMEDIATE holds what the locking reads hold elsewhere.
  forUpdateSkipLocked: '',
  forUpdate: '',
  forShare: '',
  isDuplicateKey: (error) => /^SQLITE_CONSTRAINT_(PRIMARYKEY|UNIQUE)$/.test(errorCode(error) ?? ''),
  isContention: (error) => /^SQLITE_(BUSY|LOCKED|WRITE_TIMEOUT)/.test(errorCode(error) ?? ''),
  isUnwritable: (error) => errorCode(error) === 'SQLITE_FULL',
  isNotAllowed: () => false,
  isInterrupted: () => false,
  endsTransaction: (error) => /^SQLITE_(BUSY|FULL|IOERR|NOMEM|INTERRUPT)/.test(errorCode(error) ?? ''),
  undoesTransaction: () => false,
};

/** @throws UnsupportedDatabaseError naming the type that came */
export function dialectOf(dataSourceType: string): Dialect {
  switch (dataSourceType) {
    case 'mysql':
    case 'mariadb':
      return mysql;
    case 'better-sqlite3':
      return sqlite;
    default:
      throw new UnsupportedDatabaseError(
        `A DataSource of type ${dataSourceType} is not supported: use mysql, mariadb or better-sqlite3.`,
      );
  }
}

/** The same error says that LOAD DATA is not allowed here, which does not pass. */
function isReadOnly(error: unknown): boolean {
  return (
    driverErrno(error) === MYSQL_OPTION_PREVENTS_STATEMENT && /--(super-)?read-only/.test(messageOf(error))
  );
}

/**
 * A tablespace that may not grow any more is full as well. A temporary table (#sql…) that is, is mostly a query's own
 * fault, and would be full each time.
 */
function isDiskFull(error: unknown): boolean {
  const errno = driverErrno(error) ?? 0;
  if (errno === MYSQL_TABLE_FULL) return !messageOf(error).includes('#sql');
  return errno === MYSQL_DISK_FULL || (MYSQL_FILE_ERRORS.has(errno) && isErrno28(messageOf(error)));
}

/** `(errno: 28 "No space left on device")`, `Got error 28 from`, `(OS errno 28 - No space left on device)` */
function isErrno28(message: string): boolean {
  return /\b(?:errno:?|error) 28\b/.test(message);
}

function driverErrno(error: unknown): number | undefined {
  return driverError(error)?.errno;
}

function sqlState(error: unknown): string | undefined {
  return driverError(error)?.sqlState;
}

function messageOf(error: unknown): string {
  return driverError(error)?.message ?? '';
}

/** TypeORM's QueryFailedError carries the driver's own error. */
function driverError(error: unknown): { errno?: number; sqlState?: string; message?: string } | undefined {
  if (typeof error !== 'object' || error === null) return undefined;
  return 'driverError' in error ? (error.driverError as { errno?: number }) : error;
}
