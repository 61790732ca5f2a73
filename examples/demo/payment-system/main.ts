import 'reflect-metadata';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotentMqModule } from '../../../src/index.js';
import { receiveOrders } from '../stage/orders.js';
import { Reporter } from '../stage/reporter.js';
import { Payment } from './payment.entity.js';
import { Payments } from './payments.js';

/** Customers that pay at the same time. */
const COUNTERS = 4;

const { database, payments, oneTwiceIn, arrivalMs } = receiveOrders();

@Module({
  imports: [
    TypeOrmModule.forRoot({ ...database, entities: [Payment] }),
    IdempotentMqModule.forRoot({ roles: { consume: false } }),
  ],
  providers: [Payments, Reporter],
})
class PaymentSystem {}

const app = await NestFactory.createApplicationContext(PaymentSystem, { logger: ['error', 'warn'] });
const system = app.get(Payments);
await once(process, 'message');
const opened = performance.now();
await Promise.all(Array.from({ length: COUNTERS }, (_, counter) => serve(counter)));
await app.close();
process.exit();

async function serve(counter: number): Promise<void> {
  for (let number = counter; number < payments; number += COUNTERS) {
    await pause(Math.max(0, (arrivalMs * number) / payments - (performance.now() - opened)));
    const payment = { paymentId: `P-${number + 1}`, userId: `user-${number % 97}`, amount: 500 + number };
    await system.take(payment);
    if (number % oneTwiceIn === 0) await system.announceAgain(payment);
  }
}
