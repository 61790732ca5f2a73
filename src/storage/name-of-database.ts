import { resolve } from 'node:path';
import type { DataSource } from 'typeorm';

/** For messages: `shop on 10.0.0.7:3306`, or a file. Never with a user or a password. */
export function nameOfDatabase({ options }: Pick<DataSource, 'options'>): string {
  const given = options as {
    url?: string;
    host?: string;
    port?: number;
    database?: string;
    socketPath?: string;
  };
  if (options.type === 'better-sqlite3') return pathOf(String(given.database));
  const url = given.url && URL.canParse(given.url) ? new URL(given.url) : undefined;
  const host = url?.hostname ?? given.host ?? 'localhost';
  const port = url?.port || given.port || (options.type === 'postgres' ? 5432 : 3306);
  const name = url ? decodeURIComponent(url.pathname.slice(1)) : (given.database ?? '');
  return `${name || '(no database named)'} on ${given.socketPath ?? `${host}:${port}`}`;
}

/** Where it is, whichever folder the process was started in. */
function pathOf(file: string): string {
  return file === '' || file === ':memory:' ? file : resolve(file);
}
