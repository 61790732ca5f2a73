/**
 * A process that only consumes, for runs that kill it: WORKER_DATABASE has a DataSource's options, WORKER_ENGINE the engine
 * in the broker's place, WORKER_BROKER its options, WORKER_VARIANT how it is broken, if it is.
 */
import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import {
  type AtLeastOnceDelivery,
  AtLeastOnceConsumer,
  DeliveryContext,
  IdempotentConsumer,
  IdempotentMqModule,
  type Transport,
} from '../../src/index.js';
import { CardRow, CardTable, type Payment, PaymentSucceeded } from '../support/cards.js';
import { ENGINES, type EngineName } from './engines.js';

/** Long enough that a kill often meets some of them. Milliseconds. */
const WORK_MS = 3;
const issuedBy = String(process.pid);

class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', leaseMs: 2_000 })
  async issue({ paymentId }: Payment, delivery: DeliveryContext) {
    await pause(WORK_MS);
    await delivery.manager.insert(CardRow, { paymentId, issuedBy });
  }
}

class IssuingWithoutDedup {
  constructor(private readonly dataSource: DataSource) {}

  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'card-issuing', leaseMs: 2_000 })
  async issue({ paymentId }: Payment, delivery: AtLeastOnceDelivery) {
    await this.dataSource.manager.insert(CardRow, { paymentId, issuedBy });
    await pause(WORK_MS);
    return delivery.ack();
  }
}
Reflect.defineMetadata('design:paramtypes', [DataSource], IssuingWithoutDedup);

/** ACKs before it handles. */
function ackFirst(broker: Transport): Transport {
  return {
    ...broker,
    async claim(claim) {
      const answer = await broker.claim(claim);
      for (const delivery of answer.deliveries) await broker.acknowledge(delivery);
      return answer;
    },
  };
}

const { WORKER_DATABASE, WORKER_ENGINE, WORKER_BROKER, WORKER_VARIANT } = process.env;

class Worker {}
Module({
  imports: [
    TypeOrmModule.forRoot({ ...JSON.parse(WORKER_DATABASE!), entities: [CardTable] }),
    IdempotentMqModule.forRoot({
      broker: ENGINES[WORKER_ENGINE as EngineName].brokerOf(
        JSON.parse(WORKER_BROKER!) as object,
        WORKER_VARIANT === 'ack-first' ? ackFirst : undefined,
      ),
      roles: { relay: false },
      consumers: { pollMs: 50, retry: { delayMs: 50, maxDelayMs: 500 } },
    }),
  ],
  providers: [WORKER_VARIANT === 'no-dedup' ? IssuingWithoutDedup : CardIssuing],
})(Worker);

NestFactory.createApplicationContext(Worker, { logger: ['error'] }).then(
  () => process.stdout.write('started\n'),
  (error: unknown) => {
    process.stderr.write(`${String(error)}\n`);
    process.exitCode = 1;
  },
);
