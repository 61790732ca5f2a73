import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotentMqModule } from '../../../src/index.js';
import { brokerOf } from '../stage/broken-wire.js';
import { receiveOrders } from '../stage/orders.js';
import { Reporter, report } from '../stage/reporter.js';
import type { Cue } from '../stage/system-process.js';
import { Payment } from './payment.entity.js';
import { Payments } from './payments.js';

/** Customers that pay at the same time. */
const COUNTERS = 4;

const orders = receiveOrders();
const { databases, payments, oneTwiceIn, rush, lull } = orders;

interface Arrivals {
  numbers: readonly number[];
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

const noMoreLull = new AbortController();
const opened = new Promise<void>((open) => {
  process.on('message', (cue: Cue) => (cue === 'open' ? open() : noMoreLull.abort()));
});
const app = await NestFactory.createApplicationContext(PaymentSystem, { logger: ['error', 'warn'] });
const system = app.get(Payments);
await opened;
const announced = await system.announcements();
const left = Array.from({ length: payments }, (_, number) => number).filter(
  (number) => announcementsOf(number) < announcementsDue(number),
);
const isEarly = (number: number) => number < rush.payments;
await take({ numbers: left.filter(isEarly), everyMs: rush.everyMs });
await take({
  numbers: left.filter((number) => !isEarly(number)),
  everyMs: lull.everyMs,
  hurry: noMoreLull.signal,
});
await app.close();
process.exit();

async function take(arrivals: Arrivals): Promise<void> {
  const begin = performance.now();
  await Promise.all(Array.from({ length: COUNTERS }, (_, counter) => serve(counter, begin, arrivals)));
}

async function serve(counter: number, begin: number, { numbers, everyMs, hurry }: Arrivals): Promise<void> {
  for (let place = counter; place < numbers.length; place += COUNTERS) {
    const arrives = begin + place * everyMs;
    await pause(Math.max(0, arrives - performance.now()), undefined, { signal: hurry }).catch(ignoreAbort);
    const number = numbers[place]!;
    const payment = { paymentId: idOf(number), userId: `user-${number % 97}`, amount: 500 + number };
    if (announcementsOf(number) === 0) {
      report({ type: 'paying', bizId: payment.paymentId });
      await system.take(payment);
    }
    if (announcementsDue(number) > 1) await system.announceAgain(payment);
  }
}

function idOf(number: number): string {
  return `P-${number + 1}`;
}

/** Before this process began. */
function announcementsOf(number: number): number {
  return announced.get(idOf(number)) ?? 0;
}

function announcementsDue(number: number): number {
  return number % oneTwiceIn === 0 ? 2 : 1;
}

function ignoreAbort(error: Error): void {
  if (error.name !== 'AbortError') throw error;
}
