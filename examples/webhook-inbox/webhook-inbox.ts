import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { createExampleDatabase } from '../shared/example-database.js';
import { interruption } from '../shared/interruption.js';
import { n, table } from '../shared/table.js';
import { readArguments } from './arguments.js';
import { check } from './checker.js';
import { recordedDeliveries } from './github/deliveries.js';
import { postAll } from './github/post.js';
import { randomFrom, shuffled } from './github/random.js';
import { InboxModule } from './inbox/inbox.module.js';

const CLIENTS = 8;
const MOST_POSTS = 3;
const TIME_LIMIT_MS = 120_000;
const LOOK_EVERY_MS = 50;

const { whenInterrupted, exitStatus } = interruption();
try {
  process.exitCode = await webhookInbox();
} catch (error) {
  console.error(`\n  ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = exitStatus() ?? 1;
}
process.exit();

/**
 * An inbox for GitHub's webhooks gets each delivery up to three times, from several clients at once and in any order.
 * In the end it has one row for each.
 *
 * @returns the exit status
 */
async function webhookInbox(): Promise<number> {
  const { database: url, seed } = readArguments(process.argv.slice(2));
  const random = randomFrom(seed);
  const deliveries = recordedDeliveries();
  const repeated = deliveries.flatMap((delivery) =>
    Array.from({ length: 1 + Math.floor(random() * MOST_POSTS) }, () => delivery),
  );
  const database = await createExampleDatabase('webhooks', url);
  try {
    console.log(
      `\n  ${deliveries.length} GitHub webhooks to an inbox on ${database.engine} (--seed ${seed})\n`,
    );
    const app = await NestFactory.create(InboxModule.on(database.options), { logger: ['error', 'warn'] });
    await app.listen(0, '127.0.0.1');
    const posting = postAll(`${await app.getUrl()}/webhooks/github`, shuffled(repeated, random), CLIENTS);
    const receipts = await Promise.race([posting, whenInterrupted, timeLimit()]);
    const connection = app.get<DataSource>(getDataSourceToken());
    await Promise.race([untilAllIsHandled(connection), whenInterrupted, timeLimit()]);
    const { webhooks, activities, lost, doubled } = await check(connection, deliveries);
    await app.close();

    const repeats = receipts.filter(({ stored }) => stored === 'before').length;
    const rows = table([
      [
        'posted',
        receipts.length,
        `${deliveries.length} deliveries, up to ${MOST_POSTS} times each, by ${CLIENTS} clients`,
      ],
      ['repeats absorbed', repeats, 'their delivery was stored already'],
      ['rows', webhooks, 'one for each delivery'],
      ['activities', activities, 'by a consumer of the message that went with each row'],
    ]);
    console.log(`${rows}\n\n  lost ${n(lost)}, doubled ${n(doubled)}\n`);
    return lost === 0 && doubled === 0 && repeats === receipts.length - deliveries.length ? 0 : 1;
  } finally {
    await database.remove();
  }
}

async function untilAllIsHandled(database: DataSource): Promise<void> {
  const pending = 'SELECT (SELECT COUNT(*) FROM mq_delivery) + (SELECT COUNT(*) FROM mq_waiting) AS n';
  for (;;) {
    const [{ n }] = await database.query(pending);
    if (Number(n) === 0) return;
    await pause(LOOK_EVERY_MS);
  }
}

async function timeLimit(): Promise<never> {
  await pause(TIME_LIMIT_MS);
  throw new Error(`The run is not through after ${TIME_LIMIT_MS / 1000} s.`);
}
