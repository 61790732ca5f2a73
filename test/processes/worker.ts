/**
 * A process that only consumes, for tests that kill it: `node --import tsx worker.ts`, with a DataSource's options in
 * WORKER_DATABASE. It prints the type of each event. The payment P-KILLER kills the process that handles it.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  DeliveryContext,
  IdempotentConsumer,
  IdempotentMqEvents,
  IdempotentMqModule,
} from '../../src/index.js';
import { CardRow, CardTable, type Payment, PaymentSucceeded } from '../support/cards.js';

export const KILLER = 'P-KILLER';

class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', leaseMs: 1_000 })
  async issue({ paymentId }: Payment, delivery: DeliveryContext) {
    if (paymentId === KILLER) process.kill(process.pid, 'SIGKILL');
    await delivery.manager.insert(CardRow, { paymentId, issuedBy: String(process.pid) });
  }
}

class Worker {}
Module({
  imports: [
    TypeOrmModule.forRoot({ ...JSON.parse(process.env.WORKER_DATABASE!), entities: [CardTable] }),
    IdempotentMqModule.forRoot({ consumers: { pollMs: 50, maxLostLeases: 2 } }),
  ],
  providers: [CardIssuing],
})(Worker);

async function main() {
  const app = await NestFactory.createApplicationContext(Worker, { logger: false });
  app.get(IdempotentMqEvents).events$.subscribe(({ type }) => process.stdout.write(`${type}\n`));
  process.stdout.write('started\n');
}

main().catch((error: unknown) => {
  process.stderr.write(`${String(error)}\n`);
  process.exitCode = 1;
});
