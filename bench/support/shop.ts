import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import {
  BrokerService,
  DeliveryContext,
  Forgetting,
  IdempotentConsumer,
  IdempotentMqEvents,
  IdempotentMqModule,
  type IdempotentMqOptions,
  OutboxPublisher,
  defineTopic,
} from '../../src/index.js';
import { numbered } from '../../src/storage/numbered.js';
import type { BenchDatabase } from './database.js';

export interface Payment {
  paymentId: string;
}

export const PaymentSucceeded = defineTopic<Payment>({
  name: 'payment.succeeded',
  bizId: ({ paymentId }) => paymentId,
});

export const GROUP = 'card-issuing';

/** A card for each payment: one row. */
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: GROUP })
  async issue({ paymentId }: Payment, { manager }: DeliveryContext): Promise<void> {
    await insert(manager, 'card', paymentId);
  }
}

export interface Shop {
  readonly dataSource: DataSource;
  readonly outbox: OutboxPublisher;
  readonly broker: BrokerService;
  readonly forgetting: Forgetting;
  readonly events: IdempotentMqEvents;
  close(): Promise<void>;
}

/** The business of every measurement: payments, a card for each, and the library, in one database. */
export async function openShop(database: BenchDatabase, options: IdempotentMqOptions = {}): Promise<Shop> {
  class App {}
  Module({
    imports: [
      TypeOrmModule.forRoot({ ...database.options, retryAttempts: 0 }),
      IdempotentMqModule.forRoot({ schema: 'ensure', ...options }),
    ],
    providers: [CardIssuing],
  })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: ['error'], abortOnError: false });
  return {
    dataSource: app.get<DataSource>(getDataSourceToken()),
    outbox: app.get(OutboxPublisher),
    broker: app.get(BrokerService),
    forgetting: app.get(Forgetting),
    events: app.get(IdempotentMqEvents),
    close: () => app.close(),
  };
}

/** The business's own tables. No unique key on a card's payment: a second card would show. */
export async function createBusiness({ dataSource }: Pick<Shop, 'dataSource'>): Promise<void> {
  const id = idOf(dataSource);
  await dataSource.query(`CREATE TABLE payment (${id}, payment_id VARCHAR(64) NOT NULL)`);
  await dataSource.query(`CREATE TABLE card (${id}, payment_id VARCHAR(64) NOT NULL)`);
}

function idOf({ options: { type } }: DataSource): string {
  if (type === 'better-sqlite3') return 'id INTEGER PRIMARY KEY';
  if (type === 'postgres') return 'id BIGSERIAL PRIMARY KEY';
  return 'id BIGINT UNSIGNED NOT NULL AUTO_INCREMENT PRIMARY KEY';
}

const INSERT = {
  card: 'INSERT INTO card (payment_id) VALUES (?)',
  payment: 'INSERT INTO payment (payment_id) VALUES (?)',
};

async function insert(manager: EntityManager, into: keyof typeof INSERT, paymentId: string): Promise<void> {
  const isPostgres = manager.dataSource.options.type === 'postgres';
  await manager.query(isPostgres ? numbered(INSERT[into]) : INSERT[into], [paymentId]);
}

/** Pays, in one transaction each: the business's row and its message. */
export async function pay({ dataSource, outbox }: Shop, paymentId: string): Promise<void> {
  await dataSource.transaction(async (manager) => {
    await insert(manager, 'payment', paymentId);
    await outbox.publish(PaymentSucceeded, { paymentId }, { manager });
  });
}

/** Payments without their rows, in as few transactions as possible: for what is measured afterwards. */
export async function payMany({ outbox }: Shop, paymentIds: readonly string[]): Promise<void> {
  for (let from = 0; from < paymentIds.length; from += 5_000) {
    const payments = paymentIds.slice(from, from + 5_000).map((paymentId) => ({ paymentId }));
    await outbox.publishAll(PaymentSucceeded, payments, { standalone: true });
  }
}
