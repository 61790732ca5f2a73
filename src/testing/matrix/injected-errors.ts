import { QueryFailedError } from 'typeorm';
import type { Database } from '../../storage/index.js';

type Engine = Database['dialect']['engine'];
type Known = { code: string; errno?: number; fatal?: boolean };

/** Errors as the driver would raise them, each with a message that says where it comes from. */
function injected(sql: string, what: string, as: Known): Error {
  return new QueryFailedError(sql, [], Object.assign(new Error(`${what} (injected by crashMatrix)`), as));
}

export const connectionLost = (sql: string, engine: Engine) =>
  injected(
    sql,
    'Connection lost',
    engine === 'postgres' ? { code: '57P01' } : { code: 'PROTOCOL_CONNECTION_LOST', fatal: true },
  );

export const deadlock = (sql: string, engine: Engine) =>
  injected(
    sql,
    'Deadlock found when trying to get lock; try restarting transaction',
    engine === 'postgres' ? { code: '40P01' } : { code: 'ER_LOCK_DEADLOCK', errno: 1213 },
  );

export const lockWaitTimeout = (sql: string, engine: Engine) =>
  injected(
    sql,
    'Lock wait timeout exceeded; try restarting transaction',
    engine === 'postgres' ? { code: '55P03' } : { code: 'ER_LOCK_WAIT_TIMEOUT', errno: 1205 },
  );

/** One that says nothing of the transaction, which goes on; on PostgreSQL it can do no more. */
export const statementFailed = (sql: string, engine: Engine) =>
  injected(
    sql,
    'The statement failed',
    engine === 'postgres' ? { code: 'XX000' } : { code: 'ER_UNKNOWN_ERROR', errno: 1105 },
  );
