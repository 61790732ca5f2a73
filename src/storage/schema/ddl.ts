import type { Database } from '../tables.js';
import { mysqlTables } from './mysql.ddl.js';
import { postgresTables } from './postgres.ddl.js';
import { sqliteTables } from './sqlite.ddl.js';

const TABLES_OF = { mysql: mysqlTables, postgres: postgresTables, sqlite: sqliteTables };

/** The version of the tables that this release works with. */
export const SCHEMA_VERSION = 1;

/** The statements that take a database from version - 1 to version. Each may be repeated after a crash half-way. */
export function schemaStatements(database: Database, version: number): string[] {
  if (version !== 1) return [];
  return TABLES_OF[database.dialect.engine](database.tables);
}

export function createVersionTable({ dialect, tables }: Database): string {
  return (
    `CREATE TABLE IF NOT EXISTS ${tables.schema_version} (version INT NOT NULL, PRIMARY KEY (version))` +
    (dialect.engine === 'mysql' ? ' ENGINE=InnoDB' : '')
  );
}
