import { NestFactory } from '@nestjs/core';
import { BrokerService, IdempotentMqBrokerModule, IdempotentMqEvents } from '../../src/index.js';
import { variantNamed } from '../variants/index.js';
import type { Line } from './history.js';
import { shutDown } from './shutting-down.js';
import { sweepOnce } from './sweeping.js';
import type { Said, Task, Told } from './task.js';
import { writeEvents } from './telling.js';

/** One instance of the broker service. */
export async function runInstance(
  task: Task,
  write: (line: Line) => void,
  say: (said: Said) => void,
): Promise<void> {
  const app = await NestFactory.createApplicationContext(
    IdempotentMqBrokerModule.forRoot({
      dataSource: task.broker!,
      listen: { port: 0 },
      statementTimeoutMs: 2_000,
    }),
    { logger: false, abortOnError: false },
  );
  writeEvents(app.get(IdempotentMqEvents), write);
  const broker = app.get(BrokerService);
  // Nobody knows yet where it listens.
  variantNamed(task.variant)?.instance?.(broker);
  process.on('message', (told: Told) => {
    if (told === 'sweep') void sweepOnce(broker, write).then(() => say('swept'));
    if (told === 'shut-down') void shutDown(app);
  });
  say({ port: Number(new URL(app.get(IdempotentMqBrokerModule).url!).port) });
  say('ready');
}
