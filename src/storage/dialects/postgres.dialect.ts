import type { Dialect } from './dialect.js';
import { isConnectionLost } from './connection-errors.js';
import { driverError } from './driver-error.js';

/** By SQLSTATE. */
const CONTENTION = new Set([
  '40001', // could not serialize access
  '40P01', // deadlock
  '55P03', // lock_timeout, NOWAIT
]);

const UNWRITABLE = new Set([
  '25006', // read-only: a standby, or default_transaction_read_only
  '53100', // disk full
]);

const sqlState = (error: unknown): string => driverError(error)?.code ?? '';

export const postgres: Dialect = {
  engine: 'postgres',
  isWithinProcess: false,
  errorsAbort: true,
  // A deferred constraint, whatever a trigger of one raises, a transaction that can't be serialized: the server's own answer,
  // for it has committed nothing that it answers with an error. But for classes that tell of a lost connection, of a server
  // that goes down or is broken, and the one that says it does not know.
  refusesCommit: (error) => /^(?!08|57P|58|40003)(?:\d[0-9A-Z]|F0|HV|P0)[0-9A-Z]{3}$/.test(sqlState(error)),
  quote: (name) => `"${name.replaceAll('"', '""')}"`,
  body: 'body',
  hex: (bytes) => `encode(${bytes}, 'hex')`,
  // now() is frozen at the beginning of the transaction. Not clock_timestamp(), which no index is searched with, because
  // it may change from row to row: with it, each look for what is due would read all that is scheduled.
  now: '(EXTRACT(EPOCH FROM statement_timestamp()) * 1000000)::bigint',
  forUpdateSkipLocked: ' FOR UPDATE SKIP LOCKED',
  forUpdate: ' FOR UPDATE',
  forShare: ' FOR SHARE',
  isDuplicateKey: (error) => sqlState(error) === '23505',
  isContention: (error) => CONTENTION.has(sqlState(error)),
  isUnwritable: (error) => UNWRITABLE.has(sqlState(error)),
  isNotAllowed: (error) => sqlState(error) === '42501',
  isInterrupted: (error) => sqlState(error) === '57014',
  // All others only abort it, which the answer to the rollback of a nested transaction may put right.
  endsTransaction: isConnectionLost,
  undoesTransaction: () => false,
};
