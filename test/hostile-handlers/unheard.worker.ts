/**
 * A process that only consumes, for tests of what ends it: `node unheard.worker.ts`, bundled, with a DataSource's
 * options in WORKER_DATABASE, and those of the broker's in WORKER_BROKER if that has another one. It prints the type and biz-id of each event that ends a delivery.
 */
import 'reflect-metadata';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import {
  DeliveryContext,
  IdempotentConsumer,
  IdempotentMqEvents,
  IdempotentMqModule,
} from '../../src/index.js';
import { CardRow, CardTable, type Payment, PaymentSucceeded } from '../support/cards.js';

let dataSource: DataSource;

const forgotten: Record<string, (manager: EntityManager) => void> = {
  'P-query': (manager) => void manager.query('INSERT INTO no_such_table (id) VALUES (1)'),
  'P-insert': (manager) => void manager.insert(CardRow, { paymentId: null as never, issuedBy: 'x' }),
  'P-nested': (manager) =>
    void manager.transaction((nested) => nested.query('INSERT INTO no_such_table (id) VALUES (1)')),
  'P-outer': () => void dataSource.getRepository(CardRow).find(),
  'P-handled': (manager) =>
    void manager.query('INSERT INTO no_such_table (id) VALUES (1)').catch(() => undefined),
  'P-apps-own': (manager) => {
    void manager.query('INSERT INTO no_such_table (id) VALUES (1)').catch(() => {
      throw new Error("a rejection of the app's own");
    });
  },
};

class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', retry: { attempts: 2, delayMs: 10 } })
  async issue({ paymentId }: Payment, { manager }: DeliveryContext) {
    await manager.insert(CardRow, { paymentId, issuedBy: 'x' });
    forgotten[paymentId]?.(manager);
    // Until Node has looked for rejections that nobody heard of.
    await manager.query('SELECT 1');
    for (let turn = 0; turn < 100; turn++) await nextTurn();
  }
}

class Worker {}
Module({
  imports: [
    TypeOrmModule.forRoot({ ...JSON.parse(process.env.WORKER_DATABASE!), entities: [CardTable] }),
    IdempotentMqModule.forRoot({
      ...(process.env.WORKER_BROKER && { broker: { dataSource: JSON.parse(process.env.WORKER_BROKER) } }),
      consumers: { pollMs: 50, concurrency: 1 },
    }),
  ],
  providers: [CardIssuing],
})(Worker);

async function main() {
  const app = await NestFactory.createApplicationContext(Worker, { logger: false });
  dataSource = app.get<DataSource>(getDataSourceToken());
  app.get(IdempotentMqEvents).events$.subscribe((event) => {
    if (event.type === 'acknowledged' || event.type === 'dead-lettered') {
      process.stdout.write(`${event.type} ${event.bizId}\n`);
    }
  });
}

void main();
