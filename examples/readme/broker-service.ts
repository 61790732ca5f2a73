import type { Server } from 'node:http';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { type DataSourceOptions } from 'typeorm';
// #region broker-service
import { IdempotentMqBrokerModule, type IdempotentMqBrokerOptions } from '../../src/index.js';

export const brokerDatabase: DataSourceOptions = { type: 'mysql', url: process.env.BROKER_DATABASE_URL };

const options = (): IdempotentMqBrokerOptions => ({
  dataSource: brokerDatabase,
  schema: 'ensure',
  tokens: [
    { name: 'payments', sha256: process.env.PAYMENTS_TOKEN_SHA256!, publish: ['payment.succeeded'] },
    { name: 'cards', sha256: process.env.CARDS_TOKEN_SHA256!, consume: ['card-issuing'] },
    { name: 'operators', sha256: process.env.OPERATORS_TOKEN_SHA256!, administer: true },
  ],
});

@Module({ imports: [IdempotentMqBrokerModule.forRootAsync({ useFactory: options })] })
export class BrokerApp {}

export async function startBroker(port: number) {
  const app = await NestFactory.create(BrokerApp);
  app.enableShutdownHooks();
  (app.getHttpServer() as Server).keepAliveTimeout = 75_000; // longer than clients and proxies keep a connection
  await app.listen(port);
  return app;
}
// #endregion
