import { createConnection } from 'mysql2/promise';
import { Client } from 'pg';

/** For every session that begins from now on; on PostgreSQL for those of this user. */
export async function setOnServer(url: string, name: string, value: string | number): Promise<void> {
  if (url.startsWith('postgres')) {
    const client = new Client({ connectionString: url });
    await client.connect();
    // What was given on the command line, as for these tests, is above ALTER SYSTEM.
    await client.query(`ALTER ROLE CURRENT_USER SET ${name} = ${value}`);
    await client.end();
    return;
  }
  const connection = await createConnection(url);
  await connection.query(`SET GLOBAL ${name} = ${value}`);
  await connection.end();
}
