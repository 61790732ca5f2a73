export { makeSqliteSafe, sqliteConnectionsOf, type SqliteSafetyOptions } from './make-sqlite-safe.js';
export type { RunnerPurpose, SqliteConnections } from './sqlite-connections.js';
export { SqliteConnectionClosedError, SqliteTransactionLostError } from './sqlite-connection.errors.js';
export { SqliteWriteTimeoutError, type WriteLockHolder } from './sqlite-write-timeout.error.js';
