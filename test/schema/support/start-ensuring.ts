import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule } from '@nestjs/typeorm';
import type { DataSourceOptions } from 'typeorm';
import { IdempotentMqModule, OutboxPublisher, defineTopic } from '../../../src/index.js';
import { SchemaChanges } from './schema-changes.js';

const Started = defineTopic<{ id: string }>({ name: 'started', bizId: ({ id }) => id });

/**
 * One start of an app with `schema: 'ensure'`, which publishes a message before it stops.
 *
 * @returns how many versions of the tables it created
 */
export async function startEnsuring(options: DataSourceOptions, id: string): Promise<number> {
  const changes = new SchemaChanges();
  const shared = { retryAttempts: 0, logging: ['query'] as ['query'], logger: changes };
  class App {}
  Module({
    imports: [
      TypeOrmModule.forRoot({ ...options, ...shared }),
      IdempotentMqModule.forRoot({ schema: 'ensure', topics: [Started] }),
    ],
  })(App);
  const app = await NestFactory.createApplicationContext(App, { logger: false, abortOnError: false });
  try {
    await app.get(OutboxPublisher).publish(Started, { id }, { standalone: true });
    return changes.versions;
  } finally {
    await app.close();
  }
}
