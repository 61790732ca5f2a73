import Sqlite from 'better-sqlite3';
import { createPool } from 'mysql2/promise';
import type { DataSourceOptions } from 'typeorm';

export type Row = Record<string, unknown>;

/** A database by its driver alone: what judges the library must not look through it. */
export interface Raw {
  query(sql: string, values?: unknown[]): Promise<Row[]>;
  close(): Promise<void>;
}

export interface ServerOptions {
  host: string;
  port: number;
  username: string;
  password: string;
  database?: string;
}

export function openRaw(options: DataSourceOptions): Raw {
  return options.type === 'better-sqlite3' ? openFile(options.database) : openServer(options as never);
}

export function openServer({ host, port, username, password, database }: ServerOptions): Raw {
  const pool = createPool({ host, port, user: username, password, database, connectionLimit: 2 });
  return {
    query: async (sql, values = []) => {
      const [rows] = await pool.query(sql, values);
      return Array.isArray(rows) ? (rows as Row[]) : [];
    },
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
