import { Pool, type PoolClient } from 'pg';
import type { Place } from '../contestant.js';
import { COUNTS, type Counts, toCounts } from './counts.js';

/** No unique key on a card's payment: a second card would show. */
const TABLES = `
  CREATE TABLE payment (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payment_id VARCHAR(64) NOT NULL, amount INT NOT NULL);
  CREATE TABLE card (id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, payment_id VARCHAR(64) NOT NULL);
  CREATE TABLE dedup (scenario_id INT NOT NULL, biz_id BYTEA NOT NULL, created_at TIMESTAMPTZ NOT NULL,
    PRIMARY KEY (scenario_id, biz_id))`;

const INSERT_PAYMENT = 'INSERT INTO payment (payment_id, amount) VALUES ($1, $2)';
export const INSERT_DEDUP =
  'INSERT INTO dedup (scenario_id, biz_id, created_at) VALUES (1, $1, clock_timestamp()) ON CONFLICT DO NOTHING RETURNING 1';
export const INSERT_CARD = 'INSERT INTO card (payment_id) VALUES ($1)';

export function postgresUrl({ urls, name }: Place): string {
  return `${urls.postgres!}${name}`;
}

export async function createBusiness(place: Place): Promise<void> {
  await once(place.urls.postgres!, `CREATE DATABASE ${place.name}`);
  await once(postgresUrl(place), TABLES);
}

export async function countBusiness(place: Place): Promise<Counts> {
  const [row] = await once(postgresUrl(place), COUNTS);
  return toCounts(row as Record<keyof Counts, string>);
}

export async function dropDatabase({ urls, name }: Place): Promise<void> {
  await once(urls.postgres!, `DROP DATABASE IF EXISTS ${name} WITH (FORCE)`);
}

export async function once(url: string, sql: string): Promise<Record<string, unknown>[]> {
  const pool = new Pool({ connectionString: url, max: 1 });
  // One that is being closed may be ended by a DROP DATABASE before it is.
  pool.on('error', () => undefined);
  return pool
    .query(sql)
    .then(({ rows }) => rows)
    .finally(() => pool.end());
}

/** The business of peers whose queue is in PostgreSQL, at READ COMMITTED, with prepared statements. */
export class PostgresBusiness {
  private readonly pool: Pool;

  constructor(place: Place, connections: number) {
    this.pool = new Pool({ connectionString: postgresUrl(place), max: connections, idleTimeoutMillis: 0 });
    this.pool.on('error', (error) => console.error(error));
  }

  /** @param publish puts the message into the queue, in the same transaction */
  pay(paymentId: string, amount: number, publish: (client: PoolClient) => Promise<unknown>): Promise<void> {
    return this.transaction(async (client) => {
      await client.query({ name: 'payment', text: INSERT_PAYMENT, values: [paymentId, amount] });
      await publish(client);
      await client.query('COMMIT');
    });
  }

  /** @returns false: a message that came before has its card already */
  issueCard(paymentId: string): Promise<boolean> {
    return this.transaction(async (client) => {
      const { rowCount } = await client.query({
        name: 'dedup',
        text: INSERT_DEDUP,
        values: [Buffer.from(paymentId)],
      });
      if (rowCount === 0) {
        await client.query('ROLLBACK');
        return false;
      }
      await client.query({ name: 'card', text: INSERT_CARD, values: [paymentId] });
      await client.query('COMMIT');
      return true;
    });
  }

  close(): Promise<void> {
    return this.pool.end();
  }

  /** @param work commits by itself; what it has not committed when it fails is rolled back */
  private async transaction<T>(work: (client: PoolClient) => Promise<T>): Promise<T> {
    const client = await this.pool.connect();
    try {
      await client.query('BEGIN');
      const result = await work(client);
      client.release();
      return result;
    } catch (error) {
      // With its connection goes the transaction.
      client.release(true);
      throw error;
    }
  }
}
