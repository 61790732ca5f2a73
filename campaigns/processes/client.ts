import { Module } from '@nestjs/common';
import { NestFactory } from '@nestjs/core';
import { TypeOrmModule, type TypeOrmModuleOptions, getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import {
  BrokerService,
  Forgetting,
  IdempotentMqEvents,
  IdempotentMqModule,
  OutboxPublisher,
} from '../../src/index.js';
import { Seeded } from '../seeded.js';
import { variantNamed } from '../variants/index.js';
import { setClock } from './clock.js';
import { dieAtCommit } from './death.js';
import { keepForgetting } from './forgetting.js';
import type { Line } from './history.js';
import { SHARED, sharing } from './issuing.js';
import { keepBeingLate } from './late-operator.js';
import { optionsFor } from './options.js';
import { keepRequeueing } from './requeueing.js';
import { shutDown } from './shutting-down.js';
import { keepSweeping, sweepOnce } from './sweeping.js';
import { HISTORY, type Said, TASK, type Task, type Told } from './task.js';
import { writeEvents } from './telling.js';
import { tradesOf } from './trades.js';

/** A publisher, a relay, a sweeper, a consumer or an operator. */
export async function runClient(
  task: Task,
  write: (line: Line) => void,
  say: (said: Said) => void,
): Promise<void> {
  const chance = new Seeded(task.seed);
  const variant = variantNamed(task.variant);
  const { Issuing, Paying } = tradesOf(task.campaign);

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

  const app = await NestFactory.createApplicationContext(Campaign, { logger: false, abortOnError: false });
  writeEvents(app.get(IdempotentMqEvents), write);
  if (task.perTransaction) sharing.note = () => write({ event: SHARED });
  if (task.death) dieAtCommit(task.death, write);
  const broker = app.get(BrokerService);
  const outbox = app.get(OutboxPublisher);
  const dataSource = app.get<DataSource>(getDataSourceToken());
  const publishing = new Paying(
    task.name,
    dataSource,
    outbox,
    write,
    chance,
    !variant?.withoutKeys,
    task.shape,
  );
  process.on('message', (told: Told) => {
    if (told === 'hold-publishing') publishing.held = true;
    if (told === 'go-on-publishing') publishing.held = false;
    if (told === 'stop-publishing') void publishing.stop().then(() => say('stopped-publishing'));
    if (typeof told === 'object') {
      if ('clockMs' in told) setClock(told.clockMs, write);
      else publishing.tellOf?.(told);
    }
    if (told === 'sweep') void sweepOnce(broker, write).then(() => say('swept'));
    if (told === 'shut-down') void shutDown(app);
  });
  if (task.role === 'publisher') publishing.start?.();
  if (task.role === 'sweeper') void keepSweeping(broker, write, chance);
  const isForgetting = task.campaign === 'forgetting';
  if (task.role === 'sweeper' && isForgetting) {
    const forget = variant?.forget?.(task) ?? (() => app.get(Forgetting).forget());
    void keepForgetting(forget, write, chance.child('forgetting'));
  }
  if (task.role === 'operator')
    void (isForgetting ? keepBeingLate : keepRequeueing)(broker, write, chance, task);
  say('ready');
}
