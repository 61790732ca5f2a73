import type { DataSource } from 'typeorm';
import type { Database } from '../tables.js';
import type { LibraryConnections } from './library-connections.js';
import { mysqlDriver } from './mysql.driver.js';
import { postgresDriver } from './postgres.driver.js';
import { openServerConnections, openServerControl } from './server.connections.js';
import type { ServerDriver } from './server-driver.js';
import { openSqliteConnections } from './sqlite.connections.js';

export interface ConnectionsOptions {
  /** Connections on which handlers run, and as many again for executors (not on SQLite). */
  scopeConnections: number;
  /** Connections for claims, ACKs and renewals (not on SQLite). */
  controlConnections: number;
  /** Longest that a statement of the library may take, in milliseconds. */
  statementTimeoutMs: number;
  /** The server ends the transaction of a process that fell silent for this long, in seconds (not on SQLite). */
  idleTimeoutSeconds: number;
  /** How long a writer waits for the write lock, in milliseconds (SQLite). */
  writeWaitMs: number;
}

/** Opens the connections that the library keeps for itself beside the app's DataSource. */
export async function openConnections(
  app: DataSource,
  database: Database,
  options: ConnectionsOptions,
): Promise<LibraryConnections> {
  const driver = driverOf(database);
  return driver
    ? openServerConnections(driver, app, database, options)
    : openSqliteConnections(app, database, options);
}

/** Opens connections to the database of a broker that is not the app's own. */
export async function openBrokerConnections(
  broker: DataSource,
  database: Database,
  options: ConnectionsOptions,
): Promise<LibraryConnections> {
  const driver = driverOf(database);
  return driver
    ? openServerControl(driver, broker, database, options)
    : openSqliteConnections(broker, database, options);
}

/** Undefined for SQLite, which has no server. */
function driverOf({ dialect }: Database): ServerDriver | undefined {
  switch (dialect.engine) {
    case 'mysql':
      return mysqlDriver;
    case 'postgres':
      return postgresDriver;
    case 'sqlite':
      return undefined;
  }
}
