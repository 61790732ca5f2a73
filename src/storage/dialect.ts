import { UnsupportedDatabaseError } from '../errors/index.js';
import type { Dialect } from './dialects/dialect.js';
import { mysql } from './dialects/mysql.dialect.js';
import { postgres } from './dialects/postgres.dialect.js';
import { sqlite } from './dialects/sqlite.dialect.js';

export type { Dialect } from './dialects/dialect.js';
export { isConnectionLost, isUnreachable } from './dialects/connection-errors.js';

/** @throws UnsupportedDatabaseError naming the type that came */
export function dialectOf(dataSourceType: string): Dialect {
  switch (dataSourceType) {
    case 'mysql':
    case 'mariadb':
      return mysql;
    case 'postgres':
      return postgres;
    case 'better-sqlite3':
      return sqlite;
    default:
      throw new UnsupportedDatabaseError(
        `A DataSource of type ${dataSourceType} is not supported: use mysql, mariadb, postgres or better-sqlite3.`,
      );
  }
}
