import 'reflect-metadata';
import { setTimeout as pause } from 'node:timers/promises';
import { NestFactory } from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { createExampleDatabase } from '../shared/example-database.js';
import { verdictLine } from '../shared/paint.js';
import { type InTime, runExample } from '../shared/run-example.js';
import { table } from '../shared/table.js';
import { readArguments } from './arguments.js';
import { check } from './checker.js';
import { recordedDeliveries } from './github/deliveries.js';
import { postAll } from './github/post.js';
import { randomFrom, shuffled } from './github/random.js';
import { InboxModule } from './inbox/inbox.module.js';

const CLIENTS = 8;
const MOST_POSTS = 3;
const TIME_LIMIT_S = 120;
const LOOK_EVERY_MS = 50;

await runExample(webhookInbox);

/**
 * An inbox for GitHub's webhooks gets each delivery up to three times, from several clients at once and in any order.
 * In the end it has one row for each.
 *
 * @returns the exit status
 */
async function webhookInbox(inTime: InTime): Promise<number> {
  const { database: url, seed } = readArguments(process.argv.slice(2));
  const random = randomFrom(seed);
  const deliveries = recordedDeliveries();
  const repeated = deliveries.flatMap((delivery) =>
    Array.from({ length: 1 + Math.floor(random() * MOST_POSTS) }, () => delivery),
  );
  const database = await createExampleDatabase('webhooks', url);
  try {
    console.log(
      `\n  ${deliveries.length} webhooks of GitHub, to an inbox on ${database.engine} (--seed ${seed}).\n`,
    );
    const app = await NestFactory.create(InboxModule.on(database.options), { logger: ['error', 'warn'] });
    await app.listen(0, '127.0.0.1');
    const posting = postAll(`${await app.getUrl()}/webhooks/github`, shuffled(repeated, random), CLIENTS);
    const receipts = await inTime(posting, TIME_LIMIT_S);
    const connection = app.get<DataSource>(getDataSourceToken());
    await inTime(untilAllIsHandled(connection), TIME_LIMIT_S);
    const verdict = await check(connection, deliveries);
    await app.close();

    const repeats = receipts.filter(({ stored }) => stored === 'before').length;
    const rows = table([
      ['posted', receipts.length, `up to ${MOST_POSTS} times each, in any order, by ${CLIENTS} clients`],
      ['repeats absorbed', repeats, 'their delivery was stored already'],
      ['rows', verdict.webhooks, 'one for each delivery'],
      ['activities', verdict.activities, 'by the consumer of a message that was published with each row'],
    ]);
    console.log(`${rows}\n\n${verdictLine(verdict)}`);
    const isRight = verdict.lost + verdict.doubled === 0 && receipts.length - repeats === deliveries.length;
    return isRight ? 0 : 1;
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
