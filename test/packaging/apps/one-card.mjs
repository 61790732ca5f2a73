/** The smallest app: publishes one payment, issues one card. Prints the cards. `lib` is the package, `testing` its kit for tests, however they were loaded. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';

/** A database that is empty: better-sqlite3 is compiled for one version of Node, and MariaDB's driver runs on each. */
const database = process.env.APP_DATABASE
  ? JSON.parse(process.env.APP_DATABASE)
  : { type: 'better-sqlite3', database: ':memory:' };

/** Decorators are functions: this file is run as it is, by each Node and each module system. */
export async function issueOneCard(lib, testing, decoratedBy = lib) {
  const topic = decoratedBy.defineTopic({ name: 'payment.succeeded', bizId: ({ paymentId }) => paymentId });

  class CardIssuing {
    async issue({ paymentId }, delivery) {
      await delivery.manager.query('INSERT INTO card (payment_id) VALUES (?)', [paymentId]);
    }
  }
  const issue = Object.getOwnPropertyDescriptor(CardIssuing.prototype, 'issue');
  decoratedBy.IdempotentConsumer(topic, { group: 'card-issuing' })(CardIssuing.prototype, 'issue', issue);

  class App {}
  Module({
    imports: [TypeOrmModule.forRoot(database), lib.IdempotentMqModule.forRoot({ schema: 'ensure' })],
    providers: [CardIssuing],
  })(App);

  const app = await NestFactory.createApplicationContext(App, { logger: ['error'] });
  const dataSource = app.get(getDataSourceToken());
  await dataSource.query('CREATE TABLE card (payment_id TEXT)');
  const harness = new testing.MqTestHarness(app);
  // By the other copy's token, if there are two: an app may mix them.
  await app.get(lib.OutboxPublisher).publish(topic, { paymentId: 'P-1' }, { standalone: true });
  await harness.drain();
  harness.expectPublished(topic, { bizId: 'P-1' });
  const cards = await dataSource.query('SELECT payment_id FROM card');
  await app.close();
  console.log(JSON.stringify(cards));
}
