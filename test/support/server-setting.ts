import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';
import { until } from './until.js';

/** For everybody, from now on. */
export async function setOnServer(url: string, name: string, value: string | number): Promise<void> {
  if (!url.startsWith('postgres')) {
    const connection = await createConnection(url);
    await connection.query(`SET GLOBAL ${name} = ${value}`);
    return connection.end();
  }
  const setting = await onPostgres(url, async (client) => {
    await client.query(`ALTER SYSTEM SET ${name} = ${value}`);
    await client.query('SELECT pg_reload_conf()');
    return String(value);
  });
  // It is read in its own time, and by sessions that begin then.
  const isSet = () =>
    onPostgres(url, async (client) => {
      const { rows } = await client.query('SELECT current_setting($1) AS value', [name]);
      return (rows as { value: string }[])[0]?.value === setting;
    });
  await until(`${name} is ${setting}`, isSet);
}

async function onPostgres<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}
