import {
  type Pool,
  type PoolConnection,
  type RowDataPacket,
  createConnection,
  createPool,
} from 'mysql2/promise';
import type { Place } from '../contestant.js';
import { COUNTS, type Counts, toCounts } from './counts.js';

export type SqlKind = 'mariadb' | 'mysql';

const ID = 'id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY';
/** No unique key on a card's payment: a second card would show. */
const TABLES = [
  `CREATE TABLE payment (${ID}, payment_id VARCHAR(64) NOT NULL, amount INT NOT NULL)`,
  `CREATE TABLE card (${ID}, payment_id VARCHAR(64) NOT NULL)`,
];
const DEDUP = `CREATE TABLE dedup (scenario_id INT UNSIGNED NOT NULL, biz_id VARBINARY(255) NOT NULL,
  created_at BIGINT NOT NULL, PRIMARY KEY (scenario_id, biz_id))`;
const NOW = 'CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED)';

export const INSERT_PAYMENT = 'INSERT INTO payment (payment_id, amount) VALUES (?, ?)';
export const INSERT_CARD = 'INSERT INTO card (payment_id) VALUES (?)';
export const INSERT_CARDS = 'INSERT INTO card (payment_id) VALUES ?';

export async function createBusiness(place: Place, kind: SqlKind, { dedup = true } = {}): Promise<void> {
  await statements(place.urls[kind]!, [`CREATE DATABASE ${place.name}`]);
  await statements(`${place.urls[kind]!}${place.name}`, dedup ? [...TABLES, DEDUP] : TABLES);
}

export async function countBusiness(place: Place, kind: SqlKind): Promise<Counts> {
  const [row] = await ask<Record<keyof Counts, number | string>>(place, kind, COUNTS);
  return toCounts(row!);
}

export async function dropDatabase({ urls, name }: Place, kind: SqlKind): Promise<void> {
  await statements(urls[kind]!, [`DROP DATABASE IF EXISTS ${name}`]);
}

export async function statements(url: string, sqls: readonly string[]): Promise<void> {
  const session = await createConnection(url);
  try {
    for (const sql of sqls) await session.query(sql);
  } finally {
    await session.end();
  }
}

export async function ask<Row>({ urls, name }: Place, kind: SqlKind, sql: string): Promise<Row[]> {
  const session = await createConnection(`${urls[kind]!}${name}`);
  try {
    const [rows] = await session.query<RowDataPacket[]>(sql);
    return rows as Row[];
  } finally {
    await session.end();
  }
}

export interface PoolOptions {
  connections: number;
  /** Off saves the statement that begins a transaction. */
  autocommit: boolean;
  multipleStatements?: boolean;
}

/** READ COMMITTED, as the library has it. */
export function openPool(
  { urls, name }: Place,
  kind: SqlKind,
  { connections, autocommit, multipleStatements = false }: PoolOptions,
): Pool {
  const pool = createPool({
    uri: `${urls[kind]!}${name}`,
    connectionLimit: connections,
    maxIdle: connections,
    multipleStatements,
    // mysql2 notes a stack for each statement otherwise, in case that it fails.
    trace: false,
  });
  // Queued before whatever the one who asked for the connection sends.
  pool.pool.on('connection', (connection) => {
    connection.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    if (!autocommit) connection.query('SET autocommit = 0');
  });
  return pool;
}

/** @param work commits by itself; what it has not committed when it fails is rolled back */
export async function withConnection<T>(
  pool: Pool,
  work: (connection: PoolConnection) => Promise<T>,
): Promise<T> {
  const connection = await pool.getConnection();
  try {
    return await work(connection);
  } catch (error) {
    await connection.rollback();
    throw error;
  } finally {
    connection.release();
  }
}

/** The business of peers whose queue is elsewhere: with autocommit off, so that no transaction needs a statement to begin. */
export class SqlBusiness {
  private readonly pool: Pool;

  constructor(place: Place, kind: SqlKind, connections: number) {
    this.pool = openPool(place, kind, { connections, autocommit: false });
  }

  pay(paymentId: string, amount: number): Promise<void> {
    return withConnection(this.pool, async (connection) => {
      await connection.query(INSERT_PAYMENT, [paymentId, amount]);
      await connection.query('COMMIT');
    });
  }

  /**
   * Dedup row and card in one transaction.
   *
   * @returns false: a message that came before has its card already
   */
  issueCard(paymentId: string): Promise<boolean> {
    return withConnection(this.pool, async (connection) => {
      try {
        await connection.query(`INSERT INTO dedup (scenario_id, biz_id, created_at) VALUES (1, ?, ${NOW})`, [
          Buffer.from(paymentId),
        ]);
      } catch (error) {
        if ((error as { errno?: number }).errno !== 1062) throw error;
        await connection.query('ROLLBACK');
        return false;
      }
      await connection.query(INSERT_CARD, [paymentId]);
      await connection.query('COMMIT');
      return true;
    });
  }

  close(): Promise<void> {
    return this.pool.end();
  }
}
