import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotentMqModule } from '../../../src/index.js';
import { receiveOrders } from '../stage/orders.js';
import { Reporter } from '../stage/reporter.js';
import { CardIssuing } from './card-issuing.js';
import { CardIssuingWithoutDedup } from './card-issuing-without-dedup.js';
import { CardPress } from './card-press.js';
import { Card } from './card.entity.js';
import { SMS_LOG, SmsGateway } from './sms-gateway.js';
import { Texting } from './texting.js';

const { database, leaseMs, smsLog, withoutDedup } = receiveOrders();

@Module({
  imports: [
    TypeOrmModule.forRoot({ ...database, entities: [Card] }),
    // A short lease: what a killed worker held is had again soon.
    IdempotentMqModule.forRoot({ consumers: { concurrency: 2, leaseMs }, sqlite: { writeWaitMs: leaseMs } }),
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
