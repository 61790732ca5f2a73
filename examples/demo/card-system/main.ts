import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotentMqModule } from '../../../src/index.js';
import { brokerOf } from '../stage/broken-wire.js';
import { receiveOrders } from '../stage/orders.js';
import { Reporter } from '../stage/reporter.js';
import { CardIssuing } from './card-issuing.js';
import { CardIssuingWithoutDedup } from './card-issuing-without-dedup.js';
import { CardPress } from './card-press.js';
import { Card } from './card.entity.js';
import { SMS_LOG, SmsGateway } from './sms-gateway.js';
import { Texting } from './texting.js';

const orders = receiveOrders();
const { databases, leaseMs, smsLog, withoutDedup } = orders;

@Module({
  imports: [
    TypeOrmModule.forRoot({ ...databases.card, entities: [Card] }),
    // A short lease: what a killed worker held is had again soon.
    IdempotentMqModule.forRoot({
      ...brokerOf(orders),
      roles: { relay: false, sweep: !databases.broker },
      consumers: { concurrency: 2, leaseMs },
      sqlite: { writeWaitMs: leaseMs },
    }),
  ],
  providers: [
    withoutDedup ? CardIssuingWithoutDedup : CardIssuing,
    CardPress,
    Texting,
    SmsGateway,
    { provide: SMS_LOG, useValue: smsLog },
    Reporter,
  ],
})
class CardSystem {}

const app = await NestFactory.createApplicationContext(CardSystem, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
