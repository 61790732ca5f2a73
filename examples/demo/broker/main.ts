import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotentMqModule } from '../../../src/index.js';
import { receiveOrders } from '../stage/orders.js';
import { Reporter } from '../stage/reporter.js';

const { databases } = receiveOrders();

/** Keeps the broker's database clean: drops what nobody needs any more, and forgets. */
@Module({
  imports: [
    TypeOrmModule.forRoot(databases.broker),
    IdempotentMqModule.forRoot({ roles: { consume: false, relay: false } }),
  ],
  providers: [Reporter],
})
class Broker {}

const app = await NestFactory.createApplicationContext(Broker, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
