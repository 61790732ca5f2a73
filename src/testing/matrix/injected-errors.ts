import { QueryFailedError } from 'typeorm';

/** Errors as the driver would raise them, each with a message that says where it comes from. */
function injected(sql: string, what: string, as: { code: string; errno?: number; fatal?: boolean }): Error {
  return new QueryFailedError(sql, [], Object.assign(new Error(`${what} (injected by crashMatrix)`), as));
}

export const connectionLost = (sql: string) =>
  injected(sql, 'Connection lost', { code: 'PROTOCOL_CONNECTION_LOST', fatal: true });

export const deadlock = (sql: string) =>
  injected(sql, 'Deadlock found when trying to get lock; try restarting transaction', {
    code: 'ER_LOCK_DEADLOCK',
    errno: 1213,
  });

export const lockWaitTimeout = (sql: string) =>
  injected(sql, 'Lock wait timeout exceeded; try restarting transaction', {
    code: 'ER_LOCK_WAIT_TIMEOUT',
    errno: 1205,
  });

/** One that says nothing of the transaction, which goes on. */
export const statementFailed = (sql: string) =>
  injected(sql, 'The statement failed', { code: 'ER_UNKNOWN_ERROR', errno: 1105 });
