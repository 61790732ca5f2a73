import { Client } from 'pg';
import type { DataSourceOptions } from 'typeorm';

/** One database of a PostgreSQL, as those of MariaDB and MySQL are made. @param name that it gets */
export async function postgresDatabase(url: string, name: string) {
  await once(url, `CREATE DATABASE ${name}`);
  const { hostname, port, username, password } = new URL(url);
  return {
    engine: 'postgres' as const,
    options: {
      type: 'postgres',
      host: hostname,
      port: Number(port || 5432),
      username: decodeURIComponent(username),
      password: decodeURIComponent(password),
      database: name,
    } as DataSourceOptions,
    drop: async () => void (await once(url, `DROP DATABASE ${name} WITH (FORCE)`)),
  };
}

/** What it says of itself, for the figures' head. */
export async function describePostgres(url: string): Promise<string> {
  const [row] = await once(
    url,
    "SELECT version() AS version, current_setting('shared_buffers') AS buffers, current_setting('synchronous_commit') AS flushed",
  );
  const { version, buffers, flushed } = row!;
  return `${version!.split(' on ')[0]}, shared_buffers ${buffers}, synchronous_commit ${flushed}`;
}

async function once(url: string, statement: string): Promise<Record<string, string>[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, string>>(statement)).rows;
  } finally {
    await client.end();
  }
}
