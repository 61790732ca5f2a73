import { randomBytes } from 'node:crypto';
import { DataSource, type EntityManager } from 'typeorm';
import { CardRow, ENTITIES, PaymentRow } from '../business/entities.js';
import { type SqlKind, ask, createBusiness, dropDatabase, openPool, statements } from '../business/mysql.js';
import type { Contestant, OpenOptions, Opened, Place } from '../contestant.js';
import type { Payment } from '../payment.js';
import { Backlog } from './raw-backlog.js';
import { type Claimed, DEDUP, FAN_OUT, GONE, INSERT_MESSAGE, TABLES } from './raw.js';

/** What people write who have TypeORM: entities of the business, in `dataSource.transaction`, and five round trips. */
export function typeorm(kind: SqlKind): Contestant {
  return {
    name: `raw-${kind}-typeorm`,
    label: 'by hand under TypeORM, entities',
    family: 'limit',
    servers: [kind],
    business: kind,
    settings:
      'dataSource.transaction: dedup, manager.insert(card), DELETE. Publishing: manager.insert(payment), message, INSERT … SELECT',
    weaker:
      'no guard: a handler that swallows a deadlock, or commits by itself, leaves half an effect or doubles it',
    throughputOnly: true,
    async create(place) {
      await createBusiness(place, kind, { dedup: false });
      await statements(`${place.urls[kind]!}${place.name}`, TABLES);
    },
    open: (place, options) => open(place, kind, options),
    async left(place) {
      const [row] = await ask<{ n: number }>(place, kind, 'SELECT COUNT(*) AS n FROM delivery');
      return Number(row!.n);
    },
    drop: (place) => dropDatabase(place, kind),
  };
}

async function open(place: Place, kind: SqlKind, { payers, consumer }: OpenOptions): Promise<Opened> {
  const dataSource = await new DataSource({
    type: kind,
    url: `${place.urls[kind]!}${place.name}`,
    poolSize: Math.max(1, payers + (consumer?.concurrency ?? 0)),
    isolationLevel: 'READ COMMITTED',
    entities: ENTITIES,
    trace: false,
  }).initialize();
  const backlog =
    consumer &&
    new Backlog(openPool(place, kind, { connections: 2, autocommit: true }), 4 * consumer.concurrency);
  const lane = async () => {
    for (let claimed = await backlog!.next(); claimed; claimed = await backlog!.next()) {
      const { paymentId, seq } = claimed;
      await consumer!.begin();
      await dataSource.transaction((manager) => consume(manager, claimed));
      consumer!.effect(paymentId);
      backlog!.done(seq);
    }
  };
  const lanes = Array.from({ length: consumer?.concurrency ?? 0 }, lane);
  return {
    async pay(payment) {
      await dataSource.transaction((manager) => publish(manager, payment));
      backlog?.ring();
    },
    async close() {
      backlog?.stop();
      await Promise.all(lanes);
      await backlog?.close();
      await dataSource.destroy();
    },
  };
}

async function publish(manager: EntityManager, payment: Payment): Promise<void> {
  const { paymentId, amount } = payment;
  await manager.insert(PaymentRow, { paymentId, amount });
  const { insertId } = await manager.query<{ insertId: number }>(INSERT_MESSAGE, [
    randomBytes(16),
    Buffer.from(paymentId),
    Buffer.from(JSON.stringify(payment)),
  ]);
  await manager.query(FAN_OUT, [insertId]);
}

async function consume(manager: EntityManager, { paymentId, token, seq }: Claimed): Promise<void> {
  await manager.query(DEDUP, [Buffer.from(paymentId), token, seq]);
  await manager.insert(CardRow, { paymentId });
  await manager.query(GONE, [seq]);
}
