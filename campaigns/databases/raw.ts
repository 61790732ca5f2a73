import Sqlite from 'better-sqlite3';
import { createPool } from 'mysql2/promise';
import { Pool } from 'pg';
import type { DataSourceOptions } from 'typeorm';
import { numbered } from './numbered.js';

export type Row = Record<string, unknown>;

/** A database by its driver alone: what judges the library must not look through it. */
export interface Raw {
  /** @param sql with a `?` for each value */
  query(sql: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

export interface ServerOptions {
  type?: 'mariadb' | 'mysql' | 'postgres';
  host: string;
  port: number;
  username: string;
  password: string;
  database?: string;
}

const CONNECTIONS = 2;

export function openRaw(options: DataSourceOptions): Raw {
  return options.type === 'better-sqlite3' ? openFile(options.database) : openServer(options as never);
}

export function openServer(options: ServerOptions): Raw {
  return options.type === 'postgres' ? openPostgres(options) : openMysql(options);
}

function openMysql({ host, port, username, password, database }: ServerOptions): Raw {
  const pool = createPool({ host, port, user: username, password, database, connectionLimit: CONNECTIONS });
  return {
    query: async (sql, values = []) => {
      const [rows] = await pool.query(sql, values);
      return Array.isArray(rows) ? (rows as Row[]) : [];
    },
    close: () => pool.end(),
  };
}

function openPostgres({ host, port, username, password, database = 'postgres' }: ServerOptions): Raw {
  const pool = new Pool({ host, port, user: username, password, database, max: CONNECTIONS });
  // Where the server is killed, those that are idle say so here. The next statement has another one.
  pool.on('error', () => undefined);
  return {
    query: async (sql, values = []) => (await pool.query<Row>(numbered(sql), values)).rows,
    close: () => pool.end(),
  };
}

function openFile(file: string): Raw {
  const handle = new Sqlite(file, { timeout: 10_000 });
  handle.pragma('journal_mode = WAL');
  return {
    query: async (sql, values = []) => {
      const statement = handle.prepare(sql);
      if (statement.reader) return statement.all(...values) as Row[];
      statement.run(...values);
      return [];
    },
    close: async () => void handle.close(),
  };
}
