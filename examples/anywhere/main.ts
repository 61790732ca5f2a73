/**
 * Charges 20 payments, tells of each of them twice, and counts their cards. Where it does so, its environment says:
 *
 *     npx tsx examples/anywhere/main.ts      # shop.sqlite in this folder, and nothing else
 *
 *     DATABASE_URL=mariadb://root:secret@127.0.0.1:3306/shop         # or mysql://
 *     DATABASE_URL=postgres://postgres:secret@127.0.0.1:5432/shop
 *     DATABASE_URL=sqlite:a.sqlite BROKER_URL=sqlite:broker.sqlite   # a database for the broker
 *     DATABASE_URL=sqlite:b.sqlite BROKER_URL=http://127.0.0.1:7788  # npx tsx src/cli/main.ts serve
 *     DATABASE_URL=sqlite:c.sqlite BROKER_URL=amqp://guest:guest@127.0.0.1:5672
 *     DATABASE_URL=sqlite:d.sqlite BROKER_URL=nats://127.0.0.1:4222  # nats-server -js
 *
 * Any database goes with any broker, and has to be there, but for a SQLite file. It stays with its first broker: what was
 * sent to one is not known to another. BROKER_TOKEN is the secret for a service that asks for one; BROKER_PREFIX is what
 * names at RabbitMQ and JetStream begin with, where several shops share a server.
 */
import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { ConsoleLogger, type DynamicModule, type INestApplicationContext } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { DataSource } from 'typeorm';
import { IdempotentMqEvents } from '../../src/index.js';
import { Payments } from '../demo/payment-system/payments.js';
import { verdictLine } from '../shared/paint.js';
import { type InTime, runExample } from '../shared/run-example.js';
import { withoutPassword } from '../shared/without-password.js';
import { readPlace } from './place.js';
import { Shop } from './shop.module.js';

const PAYMENTS = 20;
const WITHIN_S = 60;

/** What keeps the shop from starting is told once, and not by Nest with its stack. */
class WarningsAlone extends ConsoleLogger {
  override log() {}
  override error() {}
}

await runExample(anywhere);

/** @returns the exit status */
async function anywhere(inTime: InTime): Promise<number> {
  const shop = Shop.at(readPlace(process.env));
  const app = await open(shop);
  try {
    const payments = Array.from({ length: PAYMENTS }, () => ({
      paymentId: randomUUID(),
      userId: 'user-1',
      amount: 500,
    }));
    const ids = new Set(payments.map(({ paymentId }) => paymentId));
    const through = bothAreThrough(app.get(IdempotentMqEvents), ids);
    for (const payment of payments) {
      await app.get(Payments).take(payment);
      await app.get(Payments).announceAgain(payment);
    }
    await inTime(through, WITHIN_S);
    const verdict = await count(app.get(DataSource), ids);
    console.log(`\n  ${PAYMENTS} payments, each told of twice, in ${whereabouts()}`);
    console.log(verdictLine(verdict));
    return verdict.lost + verdict.doubled === 0 ? 0 : 1;
  } finally {
    await app.close();
  }
}

async function open(shop: DynamicModule): Promise<INestApplicationContext> {
  try {
    const app = await NestFactory.createApplicationContext(shop, {
      logger: new WarningsAlone(),
      abortOnError: false,
    });
    app.useLogger(['error', 'warn']);
    return app;
  } catch (cause) {
    throw new Error(
      `The shop can't start in ${whereabouts()}: ${(cause as Error).message || String(cause)}`,
      { cause },
    );
  }
}

/** Until of each payment one message has taken effect, and the other one was absorbed. */
function bothAreThrough({ events$ }: IdempotentMqEvents, ids: ReadonlySet<string>): Promise<void> {
  const awaited = new Set([...ids].flatMap((id) => [`acknowledged ${id}`, `duplicate-absorbed ${id}`]));
  return new Promise((resolve) => {
    events$.subscribe((event) => {
      if ('bizId' in event) awaited.delete(`${event.type} ${event.bizId}`);
      if (awaited.size === 0) resolve();
    });
  });
}

/** With plain SQL, which knows nothing of the library. */
async function count(dataSource: DataSource, ids: ReadonlySet<string>) {
  const rows = await dataSource.query<{ payment_id: string }[]>('SELECT payment_id FROM card');
  const cards = rows.map(({ payment_id }) => payment_id).filter((id) => ids.has(id));
  const paidFor = new Set(cards).size;
  return { lost: ids.size - paidFor, doubled: cards.length - paidFor };
}

function whereabouts(): string {
  const { DATABASE_URL, BROKER_URL } = process.env;
  const database = DATABASE_URL === undefined ? 'shop.sqlite' : withoutPassword(DATABASE_URL);
  return BROKER_URL ? `${database}, by ${withoutPassword(BROKER_URL)}` : database;
}
