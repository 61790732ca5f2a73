import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { IdempotentMqBrokerModule } from '../../../src/index.js';
import { receiveOrders } from '../stage/orders.js';
import { Reporter, report } from '../stage/reporter.js';

const { databases, tokens } = receiveOrders();

/** One instance of the broker as a service; another one works on the same database. */
@Module({
  imports: [
    IdempotentMqBrokerModule.forRoot({
      dataSource: databases.broker!,
      tokens: tokens!,
      listen: { port: 0 },
    }),
  ],
  providers: [Reporter],
})
class Broker {}

const app = await NestFactory.createApplicationContext(Broker, { logger: ['error', 'warn'] });
app.enableShutdownHooks();
// Where a real one is, those who configure it know.
report({ type: 'listening', port: Number(new URL(app.get(IdempotentMqBrokerModule).url!).port) });
