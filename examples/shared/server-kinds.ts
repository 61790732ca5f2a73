/** What an example has to know of a database server to have a database of its own there. */
export interface ServerKind {
  type: 'mariadb' | 'mysql' | 'postgres';
  port: number;
  /** Which database to enter by, where none is named and the server wants one. */
  entrance: string | undefined;
  create: (database: string) => string;
  drop: (database: string) => string;
  listTables: string;
}

const KINDS: Record<ServerKind['type'], Omit<ServerKind, 'type'>> = {
  mariadb: mysql(),
  mysql: mysql(),
  postgres: postgres(),
};

/** @param url that has been checked */
export function serverOf({ protocol }: URL): ServerKind {
  const type = protocol.startsWith('postgres') ? 'postgres' : protocol === 'mariadb:' ? 'mariadb' : 'mysql';
  return { type, ...KINDS[type] };
}

function mysql(): Omit<ServerKind, 'type'> {
  return {
    port: 3306,
    entrance: undefined,
    create: (database) => `CREATE DATABASE ${database} CHARACTER SET utf8mb4`,
    drop: (database) => `DROP DATABASE ${database}`,
    listTables: 'SHOW TABLES',
  };
}

function postgres(): Omit<ServerKind, 'type'> {
  return {
    port: 5432,
    entrance: 'postgres',
    create: (database) => `CREATE DATABASE ${database} ENCODING 'UTF8' TEMPLATE template0`,
    // A process that was killed may have left a connection which the server has not noticed yet.
    drop: (database) => `DROP DATABASE ${database} WITH (FORCE)`,
    listTables: `SELECT tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')`,
  };
}
