/**
 * A process that only consumes, for tests that kill it: `node worker.ts`, bundled, with a DataSource's options in
 * WORKER_DATABASE. It prints the type of each event. The payment P-KILLER kills the process that handles it. With
 * WORKER_BATCH, it handles that many at once.
 */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import {
  BatchContext,
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

class BatchIssuing {
  @IdempotentConsumer(PaymentSucceeded, {
    group: 'card-issuing',
    leaseMs: 1_000,
    concurrency: 1,
    batch: { max: Number(process.env.WORKER_BATCH) || 1 },
  })
  async issue(paid: Payment[], { manager }: BatchContext) {
    const issuedBy = String(process.pid);
    await manager.insert(
      CardRow,
      paid.map(({ paymentId }) => ({ paymentId, issuedBy })),
    );
    if (paid.some(({ paymentId }) => paymentId === KILLER)) process.kill(process.pid, 'SIGKILL');
  }
}

class Worker {}
Module({
  imports: [
    TypeOrmModule.forRoot({ ...JSON.parse(process.env.WORKER_DATABASE!), entities: [CardTable] }),
    IdempotentMqModule.forRoot({ consumers: { pollMs: 50, maxLostLeases: 2 } }),
  ],
  providers: [process.env.WORKER_BATCH ? BatchIssuing : CardIssuing],
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
