import { randomBytes } from 'node:crypto';
import type { Pool, PoolConnection, ResultSetHeader } from 'mysql2/promise';
import {
  INSERT_CARD,
  INSERT_PAYMENT,
  type SqlKind,
  ask,
  createBusiness,
  dropDatabase,
  openPool,
  statements,
  withConnection,
} from '../business/mysql.js';
import type { ConsumerSide, Contestant, OpenOptions, Opened, Place } from '../contestant.js';
import type { Payment } from '../payment.js';
import { Backlog } from './raw-backlog.js';

/** The limit: the same durable work on the same tables by mysql2 alone, for this one topic and this one group. */

const NOW = 'CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS UNSIGNED)';
export const TABLES = [
  'CREATE TABLE topic (id INT UNSIGNED NOT NULL PRIMARY KEY)',
  `CREATE TABLE subscription (id INT UNSIGNED NOT NULL PRIMARY KEY, topic_id INT UNSIGNED NOT NULL,
    group_name VARBINARY(200) NOT NULL, removed TINYINT NOT NULL DEFAULT 0, UNIQUE KEY topic_group (topic_id, group_name))`,
  `CREATE TABLE message (seq BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY, inner_msg_id BINARY(16) NOT NULL,
    topic_id INT UNSIGNED NOT NULL, biz_id VARBINARY(255) NOT NULL, body LONGBLOB NOT NULL, landed_at BIGINT NOT NULL)`,
  `CREATE TABLE delivery (subscription_id INT UNSIGNED NOT NULL, seq BIGINT UNSIGNED NOT NULL,
    available_at BIGINT NOT NULL DEFAULT 0, token BINARY(16) NULL, PRIMARY KEY (subscription_id, seq))`,
  `CREATE TABLE dedup (scenario_id INT UNSIGNED NOT NULL, biz_id VARBINARY(255) NOT NULL, token BINARY(16) NOT NULL,
    seq BIGINT UNSIGNED NOT NULL, created_at BIGINT NOT NULL, PRIMARY KEY (scenario_id, biz_id))`,
  'INSERT INTO topic VALUES (1)',
  "INSERT INTO subscription (id, topic_id, group_name) VALUES (1, 1, 'card-issuing')",
];
export const INSERT_MESSAGE = `INSERT INTO message (inner_msg_id, topic_id, biz_id, body, landed_at) VALUES (?, 1, ?, ?, ${NOW})`;
export const FAN_OUT = `INSERT INTO delivery (subscription_id, seq) SELECT s.id, ? FROM topic t
  JOIN subscription s ON s.topic_id = t.id WHERE t.id = 1 AND s.removed = 0 LOCK IN SHARE MODE`;
export const DEDUP = `INSERT INTO dedup (scenario_id, biz_id, token, seq, created_at) VALUES (1, ?, ?, ?, ${NOW})`;
export const GONE = 'DELETE FROM delivery WHERE subscription_id = 1 AND seq = ?';

export interface Claimed {
  seq: number;
  paymentId: string;
  token: Buffer;
}

type Way = 'same' | 'stacked' | 'naive';

interface WayOfConsuming {
  label: string;
  settings: string;
  autocommit: boolean;
  multipleStatements: boolean;
  consume(connection: PoolConnection, claimed: Claimed): Promise<void>;
}

const WAYS: Record<Way, WayOfConsuming> = {
  same: {
    label: 'by hand, our statements',
    settings: '4 round trips a message, autocommit off: dedup, card, DELETE … JOIN, COMMIT',
    autocommit: false,
    multipleStatements: false,
    async consume(connection, { seq, paymentId, token }) {
      await connection.query(DEDUP, [Buffer.from(paymentId), token, seq]);
      await connection.query(INSERT_CARD, [paymentId]);
      const [{ affectedRows }] = await connection.query<ResultSetHeader>(
        `DELETE d FROM delivery d JOIN dedup k ON k.scenario_id = 1 AND k.biz_id = ? AND k.token = ? AND k.seq = ?
         WHERE d.subscription_id = 1 AND d.seq = ? AND d.token = ?`,
        [Buffer.from(paymentId), token, seq, seq, token],
      );
      if (affectedRows !== 1) throw new Error('not the one who holds it');
      await connection.query('COMMIT');
    },
  },
  stacked: {
    label: 'by hand, 3 stacked round trips',
    settings: '3 round trips a message: BEGIN; dedup — card — DELETE; COMMIT, as multiple statements',
    autocommit: true,
    multipleStatements: true,
    async consume(connection, { seq, paymentId, token }) {
      await connection.query(`START TRANSACTION; ${DEDUP}`, [Buffer.from(paymentId), token, seq]);
      await connection.query(INSERT_CARD, [paymentId]);
      await connection.query(`${GONE}; COMMIT`, [seq]);
    },
  },
  naive: {
    label: 'by hand, 5 round trips',
    settings: '5 round trips a message: BEGIN, dedup, card, DELETE, COMMIT',
    autocommit: true,
    multipleStatements: false,
    async consume(connection, { seq, paymentId, token }) {
      await connection.query('START TRANSACTION');
      await connection.query(DEDUP, [Buffer.from(paymentId), token, seq]);
      await connection.query(INSERT_CARD, [paymentId]);
      await connection.query(GONE, [seq]);
      await connection.query('COMMIT');
    },
  },
};

export function raw(kind: SqlKind, name: Way): Contestant {
  const way = WAYS[name];
  return {
    name: `raw-${kind}-${name}`,
    label: way.label,
    family: 'limit',
    servers: [kind],
    business: kind,
    settings: `${way.settings}. Publishing: BEGIN, payment, message, INSERT … SELECT, COMMIT`,
    weaker:
      name === 'same'
        ? undefined
        : 'no guard: a handler that swallows a deadlock, or commits by itself, leaves half an effect or doubles it',
    throughputOnly: name !== 'stacked',
    async create(place) {
      await createBusiness(place, kind, { dedup: false });
      await statements(`${place.urls[kind]!}${place.name}`, TABLES);
    },
    open: async (place, options) => openRaw(place, kind, way, options),
    async left(place) {
      const [row] = await ask<{ n: number }>(place, kind, 'SELECT COUNT(*) AS n FROM delivery');
      return Number(row!.n);
    },
    drop: (place) => dropDatabase(place, kind),
  };
}

function openRaw(place: Place, kind: SqlKind, way: WayOfConsuming, options: OpenOptions): Opened {
  const { payers, consumer } = options;
  const business = openPool(place, kind, { connections: Math.max(1, payers), autocommit: true });
  const lanes = consumer && new Lanes(place, kind, way, consumer);
  return {
    async pay(payment) {
      await withConnection(business, (connection) => publish(connection, payment));
      lanes?.ring();
    },
    async close() {
      await lanes?.close();
      await business.end();
    },
  };
}

async function publish(connection: PoolConnection, payment: Payment): Promise<void> {
  await connection.query('START TRANSACTION');
  await connection.query(INSERT_PAYMENT, [payment.paymentId, payment.amount]);
  const [{ insertId }] = await connection.query<ResultSetHeader>(INSERT_MESSAGE, [
    randomBytes(16),
    Buffer.from(payment.paymentId),
    Buffer.from(JSON.stringify(payment)),
  ]);
  await connection.query(FAN_OUT, [insertId]);
  await connection.query('COMMIT');
}

class Lanes {
  private readonly pool: Pool;
  private readonly backlog: Backlog;
  private readonly running: Promise<unknown>[];

  constructor(
    place: Place,
    kind: SqlKind,
    private readonly way: WayOfConsuming,
    private readonly side: ConsumerSide,
  ) {
    const { concurrency } = side;
    const { autocommit, multipleStatements } = way;
    this.pool = openPool(place, kind, { connections: concurrency, autocommit, multipleStatements });
    this.backlog = new Backlog(openPool(place, kind, { connections: 2, autocommit: true }), 4 * concurrency);
    this.running = Array.from({ length: concurrency }, () => this.run());
  }

  ring(): void {
    this.backlog.ring();
  }

  async close(): Promise<void> {
    this.backlog.stop();
    await Promise.all(this.running);
    await this.backlog.close();
    await this.pool.end();
  }

  private async run(): Promise<void> {
    for (;;) {
      const claimed = await this.backlog.next();
      if (!claimed) return;
      await this.side.begin();
      await withConnection(this.pool, (connection) => this.way.consume(connection, claimed));
      this.side.effect(claimed.paymentId);
      this.backlog.done(claimed.seq);
    }
  }
}
