import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotentMqModule } from '../../../src/index.js';
import { brokerOf } from '../stage/broken-wire.js';
import { receiveOrders } from '../stage/orders.js';
import { Reporter } from '../stage/reporter.js';

const orders = receiveOrders();

@Module({
  imports: [
    TypeOrmModule.forRoot(orders.databases.payment),
    // Small shipments and a short patience: an ACK that is lost costs little.
    IdempotentMqModule.forRoot({
      ...brokerOf(orders),
      roles: { consume: false, sweep: false },
      relay: { batch: 10, ackTimeoutMs: 1_000, pollMs: 50, delayMs: 300, maxDelayMs: 2_000 },
    }),
  ],
  providers: [Reporter],
})
class PaymentRelay {}

const app = await NestFactory.createApplicationContext(PaymentRelay, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
