import 'reflect-metadata';
import { once } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotentMqModule } from '../../../src/index.js';
import { brokerOf } from '../stage/broken-wire.js';
import { receiveOrders } from '../stage/orders.js';
import { Reporter, report } from '../stage/reporter.js';
import { Payment } from './payment.entity.js';
import { Payments } from './payments.js';

/** Customers that pay at the same time. */
const COUNTERS = 4;

const orders = receiveOrders();
const { databases, payments, oneTwiceIn, rush, lull } = orders;

interface Arrivals {
  from: number;
  to: number;
  everyMs: number;
  /** Aborted when those who are left need not be waited for. */
  hurry?: AbortSignal;
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ ...databases.payment, entities: [Payment] }),
    // It publishes; relays and the broker are processes of their own.
    IdempotentMqModule.forRoot({
      ...brokerOf(orders),
      roles: { consume: false, relay: false, sweep: false },
    }),
  ],
  providers: [Payments, Reporter],
})
class PaymentSystem {}

const app = await NestFactory.createApplicationContext(PaymentSystem, { logger: ['error', 'warn'] });
const system = app.get(Payments);
await once(process, 'message');
const noMoreLull = new AbortController();
process.once('message', () => noMoreLull.abort());
await take({ from: 0, to: rush.payments, everyMs: rush.everyMs });
await take({ from: rush.payments, to: payments, everyMs: lull.everyMs, hurry: noMoreLull.signal });
await app.close();
process.exit();

async function take(arrivals: Arrivals): Promise<void> {
  const opened = performance.now();
  await Promise.all(Array.from({ length: COUNTERS }, (_, counter) => serve(counter, opened, arrivals)));
}

async function serve(counter: number, opened: number, { from, to, everyMs, hurry }: Arrivals): Promise<void> {
  for (let number = from + counter; number < to; number += COUNTERS) {
    const arrives = opened + (number - from) * everyMs;
    await pause(Math.max(0, arrives - performance.now()), undefined, { signal: hurry }).catch(ignoreAbort);
    const payment = { paymentId: `P-${number + 1}`, userId: `user-${number % 97}`, amount: 500 + number };
    report({ type: 'paying', bizId: payment.paymentId });
    await system.take(payment);
    if (number % oneTwiceIn === 0) await system.announceAgain(payment);
  }
}

function ignoreAbort(error: Error): void {
  if (error.name !== 'AbortError') throw error;
}
