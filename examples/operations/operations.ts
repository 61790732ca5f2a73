import 'reflect-metadata';
import { randomBytes } from 'node:crypto';
import { NestFactory } from '@nestjs/core';
import { Payments } from '../demo/payment-system/payments.js';
import { createExampleDatabase } from '../shared/example-database.js';
import { type InTime, InterruptedError, runExample } from '../shared/run-example.js';
import { startTracing } from '../tracing/start-tracing.js';
import { readArguments } from './arguments.js';
import { CUSTOMERS, TWICE_ONE_IN, customersPay } from './customers.js';
import { Shop } from './shop.module.js';
import { LatestSpans } from './traces.js';
import { JAMS_ONE_IN } from './troubles.js';

const A_DAY_S = 24 * 3600;

await runExample(operations);

/**
 * A shop in which something always goes wrong, and all that one sees it by.
 *
 * @returns the exit status
 */
async function operations(inTime: InTime): Promise<number> {
  const { port, payments } = readArguments(process.argv.slice(2));
  process.env.OPERATORS_LOGIN ??= `ops:${randomBytes(6).toString('hex')}`;
  const database = await createExampleDatabase('operations');
  const latest = new LatestSpans();
  const provider = startTracing(latest);
  const shop = Shop.on(database.options, { provider, latest });
  // What could not be bound or opened is said once, by runExample.
  const app = await NestFactory.create(shop, { logger: ['error', 'warn'], abortOnError: false });
  try {
    await app.listen(port, '127.0.0.1');
    console.log(introduction(await app.getUrl(), String(database.options.database)));
    await inTime(customersPay(app.get(Payments), payments).then(forEver), A_DAY_S);
    return 0;
  } catch (error) {
    if (error instanceof InterruptedError) return 0;
    throw error;
  } finally {
    await app.close();
    await provider.shutdown();
    await database.remove();
  }
}

function forEver(): Promise<never> {
  return new Promise(() => undefined);
}

function introduction(url: string, file: string): string {
  const login = process.env.OPERATORS_LOGIN;
  const cli = (command: string) => `  npx tsx src/cli/main.ts ${command} --database sqlite:${file}`;
  return `
  Payments and their cards, four a second, on SQLite, until you press Ctrl-C. One card in ${JAMS_ONE_IN} jams in the press and is
  tried again, one payment in ${TWICE_ONE_IN} is told of twice, and one customer in ${CUSTOMERS} has no number that an SMS could go to.

  dashboard   ${url}/ops/messages   log in as ${login}
  metrics     ${url}/metrics
  health      ${url}/health         not well while there are dead letters
  liveness    ${url}/health/live
  a trace     ${url}/traces/P-4     log in as ${login}

${cli('status')}
${cli('find payment.succeeded P-3')}
${cli('dead-letters requeue --group sms')}
`;
}
