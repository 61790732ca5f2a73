import type { Dialect } from './dialect.js';
import { isConnectionLost } from './connection-errors.js';
import { driverError, messageOf } from './driver-error.js';

/** MariaDB reserves the name with sql_mode=ORACLE. */
const BODY = '`body`';

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

export const mysql: Dialect = {
  engine: 'mysql',
  isWithinProcess: false,
  body: BODY,
  errorsAbort: false,
  refusesCommit: () => false,
  quote: (name) => '`' + name.replaceAll('`', '``') + '`',
  // Not UNIX_TIMESTAMP(NOW(6)): that goes through the session's time zone, where an hour of autumn is ambiguous.
  now: "TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))",
  hex: (bytes) => `HEX(${bytes})`,
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
