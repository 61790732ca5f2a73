/** One process of a campaign: a publisher, a relay, a sweeper, a consumer or an operator, as CAMPAIGN_TASK says. */
import 'reflect-metadata';
import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule, type TypeOrmModuleOptions, getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { BrokerService, IdempotentMqEvents, IdempotentMqModule, OutboxPublisher } from '../../src/index.js';
import { Seeded } from '../seeded.js';
import { variantNamed } from '../variants/index.js';
import { AccountPayments } from './account-payments.js';
import { dieAtCommit } from './death.js';
import { historyIn } from './history.js';
import { CardIssuing, TASK } from './issuing.js';
import { optionsFor } from './options.js';
import { Publishing } from './publishing.js';
import { keepRequeueing } from './requeueing.js';
import { keepSweeping, sweepOnce } from './sweeping.js';
import type { Said, Task, Told } from './task.js';
import { HISTORY, TroubledIssuing } from './troubled-issuing.js';

const task = JSON.parse(process.env.CAMPAIGN_TASK!) as Task;
const write = historyIn(task.history);
const chance = new Seeded(task.seed);
const variant = variantNamed(task.variant);
const [Issuing, Paying] =
  task.campaign === 'order' ? [TroubledIssuing, AccountPayments] : [CardIssuing, Publishing];
const say = (said: Said) => process.send?.(said);

/** What faults lead to; of everything else there would be too much. */
const TOLD_OF = new Set([
  'resend-absorbed',
  'ack-missed',
  'relay-error',
  'quarantined',
  'outbox-restored',
  'duplicate-absorbed',
  'dead-lettered',
  'lease-lost',
  'ack-lost',
  'commit-unknown',
  'retry-scheduled',
  'given-back',
  'worker-error',
]);

class Campaign {}
Module({
  imports: [
    TypeOrmModule.forRoot({ ...task.business, poolSize: 20, retryAttempts: 0 } as TypeOrmModuleOptions),
    IdempotentMqModule.forRoot(optionsFor(task)),
  ],
  providers: [
    { provide: TASK, useValue: task },
    { provide: HISTORY, useValue: write },
    ...(task.role === 'consumer' ? [variant?.consumer ?? Issuing] : []),
  ],
})(Campaign);

async function main(): Promise<void> {
  const app = await NestFactory.createApplicationContext(Campaign, { logger: false, abortOnError: false });
  app.get(IdempotentMqEvents).events$.subscribe((event) => {
    if (TOLD_OF.has(event.type)) write({ event: event.type, about: JSON.stringify(event) });
  });
  if (task.death) dieAtCommit(task.death, write);
  const broker = app.get(BrokerService);
  const outbox = app.get(OutboxPublisher);
  const dataSource = app.get<DataSource>(getDataSourceToken());
  const publishing = new Paying(task.name, dataSource, outbox, write, chance, !variant?.withoutKeys);
  process.on('message', (told: Told) => {
    if (told === 'hold-publishing') publishing.held = true;
    if (told === 'go-on-publishing') publishing.held = false;
    if (told === 'stop-publishing') void publishing.stop().then(() => say('stopped-publishing'));
    if (told === 'sweep') void sweepOnce(broker, write).then(() => say('swept'));
  });
  if (task.role === 'publisher') publishing.start();
  if (task.role === 'sweeper') void keepSweeping(broker, write, chance);
  if (task.role === 'operator') void keepRequeueing(broker, write, chance);
  say('ready');
}

// With whoever started it goes also what it has started.
process.on('disconnect', () => process.exit(1));
await main();
