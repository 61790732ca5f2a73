import type { DataSource } from 'typeorm';
import type { Database } from '../tables.js';
import type { LibraryConnections } from './library-connections.js';
import { openMysqlConnections, openMysqlControl } from './mysql.connections.js';
import { openSqliteConnections } from './sqlite.connections.js';

export interface ConnectionsOptions {
  /** Connections on which handlers run, and as many again for executors (MySQL and MariaDB). */
  scopeConnections: number;
  /** Connections for claims, ACKs and renewals (MySQL and MariaDB). */
  controlConnections: number;
  /** Longest that a statement of the library may take, in milliseconds. */
  statementTimeoutMs: number;
  /** The server ends the transaction of a process that fell silent for this long, in seconds (MySQL and MariaDB). */
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
  return database.dialect.engine === 'sqlite'
    ? openSqliteConnections(app, database, options)
    : openMysqlConnections(app, database, options);
}

/** Opens connections to the database of a broker that is not the app's own. */
export async function openBrokerConnections(
  broker: DataSource,
  database: Database,
  options: ConnectionsOptions,
): Promise<LibraryConnections> {
  return database.dialect.engine === 'sqlite'
    ? openSqliteConnections(broker, database, options)
    : openMysqlControl(broker, database, options);
}
