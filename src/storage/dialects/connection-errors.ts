import { driverError } from './driver-error.js';

/** Of the drivers, and of the system below them. */
const CONNECTION_LOST = new Set([
  'PROTOCOL_CONNECTION_LOST',
  'PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR',
  'ECONNRESET',
  'ECONNREFUSED',
  'EPIPE',
  'ETIMEDOUT',
]);

/** What MySQL and MariaDB say before they close the connection. Not all of these have a name in mysql2. */
const CONNECTION_CLOSED = new Set([
  1053, // shutdown
  1927, // MariaDB: connection was killed
  3169, // MySQL: session was killed
  4031, // disconnected because of inactivity
  4092, // shutdown, new connections
]);

/** The same of PostgreSQL, by SQLSTATE. */
const POSTGRES_CLOSED = new Set([
  '08000',
  '08003',
  '08006',
  '25P03', // idle_in_transaction_session_timeout
  '25P04', // transaction_timeout
  '57P01', // shutdown, or pg_terminate_backend
  '57P02', // crash of another session's process
  '57P03', // starting up, or shutting down
  '57P05', // idle_session_timeout
]);

/** What node-postgres says of a connection that is gone has no code. */
const POSTGRES_GONE =
  /^Connection terminated|^Client (?:has encountered a connection error|was closed) and is not queryable/;

/**
 * The connection is gone, and its transaction with it. Only an error that the driver itself raised counts: mysql2 calls
 * those fatal that leave no connection, also where they have no code (a statement on a connection that was lost before).
 */
export function isConnectionLost(error: unknown): boolean {
  if (typeof error !== 'object' || error === null || !('driverError' in error)) return false;
  const { code, errno, fatal, message } = driverError(error) ?? {};
  return (
    fatal === true ||
    CONNECTION_LOST.has(code ?? '') ||
    CONNECTION_CLOSED.has(errno ?? 0) ||
    POSTGRES_CLOSED.has(code ?? '') ||
    POSTGRES_GONE.test(message ?? '')
  );
}

const UNREACHABLE = new Set([...CONNECTION_LOST, 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH']);
const TOO_MANY_CONNECTIONS = 1040;
/** Of node-postgres, and of its pool. */
const POSTGRES_TOO_SLOW = /^timeout (?:expired|exceeded when trying to connect)/;
const POSTGRES_TOO_MANY_CONNECTIONS = '53300';

/** No connection could be made, and one may be made later: not a wrong password, nor a database that is not there. */
export function isUnreachable(error: unknown): boolean {
  const { code, errno, message } = driverError(error) ?? {};
  return (
    UNREACHABLE.has(code ?? '') ||
    errno === TOO_MANY_CONNECTIONS ||
    CONNECTION_CLOSED.has(errno ?? 0) ||
    code === POSTGRES_TOO_MANY_CONNECTIONS ||
    POSTGRES_CLOSED.has(code ?? '') ||
    POSTGRES_GONE.test(message ?? '') ||
    POSTGRES_TOO_SLOW.test(message ?? '')
  );
}
