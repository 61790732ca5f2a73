import 'reflect-metadata';
import { Injectable, Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { DataSourceOptions } from 'typeorm';
import {
  DeliveryContext,
  IdempotentConsumer,
  IdempotentMqEvents,
  IdempotentMqModule,
  OutboxPublisher,
  type PayloadOf,
} from '../../src/index.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';

/** A process that handles as many messages as it is told to, and says every so often how much memory it holds. */

export interface SoakOrders {
  database: DataSourceOptions;
  messages: number;
  /** After how many messages it says so. */
  every: number;
}

export interface SoakReading {
  handled: number;
  heapMiB: number;
}

const BATCH = 1_000;
const { database, messages, every } = JSON.parse(process.env.MQ_SOAK!) as SoakOrders;

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: delivery.group });
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ ...database, entities: [CardTable], synchronize: true }),
    IdempotentMqModule.forRoot({ schema: 'ensure' }),
  ],
  providers: [CardIssuing],
})
class Soak {}

const app = await NestFactory.createApplicationContext(Soak, { logger: ['error', 'warn'] });
const outbox = app.get(OutboxPublisher);
let published = 0;
let handled = 0;
let wake = (): void => undefined;
app.get(IdempotentMqEvents).events$.subscribe(({ type }) => {
  if (type !== 'acknowledged') return;
  if (++handled % every === 0) report();
  wake();
});

while (handled < messages) {
  while (published - handled < BATCH && published < messages) {
    const batch = Array.from({ length: BATCH }, () => payment(`P-${++published}`));
    await outbox.publishAll(PaymentSucceeded, batch, { standalone: true });
  }
  await new Promise<void>((resolve) => (wake = resolve));
}
await app.close();

function report(): void {
  global.gc!();
  const reading: SoakReading = { handled, heapMiB: process.memoryUsage().heapUsed / 2 ** 20 };
  process.send!(reading);
}
