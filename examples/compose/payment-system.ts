import 'reflect-metadata';
import { randomUUID } from 'node:crypto';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotentMqModule } from '../../src/index.js';
import { Payment } from '../demo/payment-system/payment.entity.js';
import { Payments } from '../demo/payment-system/payments.js';
import { readEnvironment } from './environment.js';

const PAYMENT_EVERY_MS = 200;

const { databaseUrl, broker } = readEnvironment();

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'mariadb', url: databaseUrl, entities: [Payment], synchronize: true }),
    IdempotentMqModule.forRoot({ schema: 'ensure', broker, roles: { consume: false } }),
  ],
  providers: [Payments],
})
class PaymentSystem {}

const app = await NestFactory.createApplicationContext(PaymentSystem);
app.enableShutdownHooks();
const payments = app.get(Payments);
setInterval(() => {
  const payment = { paymentId: randomUUID(), userId: 'user-1', amount: 500 };
  // One that fails leaves no trace, and is no payment.
  payments.take(payment).catch((error: unknown) => console.error(`No payment: ${String(error)}`));
}, PAYMENT_EVERY_MS);
