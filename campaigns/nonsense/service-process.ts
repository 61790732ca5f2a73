import { monitorEventLoopDelay } from 'node:perf_hooks';
import { Test } from '@nestjs/testing';
import { IdempotentMqBrokerModule } from '../../src/index.js';

/** A broker service in a process of its own, which tells how it is when it is asked. */
export interface Health {
  heapMiB: number;
  rssMiB: number;
  longestStallMs: number;
}

const RESOLUTION_MS = 5;

async function main(database: string): Promise<void> {
  const testing = await Test.createTestingModule({
    imports: [
      IdempotentMqBrokerModule.forRoot({
        dataSource: { type: 'better-sqlite3', database },
        schema: 'ensure',
        listen: { port: 0 },
      }),
    ],
  }).compile();
  await testing.init();
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  process.on('message', (asked) => {
    if (asked === 'stop') return void testing.close().then(() => process.disconnect());
    // Before it collects: that is a stall of its own.
    const longestStallMs = delay.max / 1e6;
    globalThis.gc?.();
    const { heapUsed, rss } = process.memoryUsage();
    const health: Health = { heapMiB: heapUsed / 2 ** 20, rssMiB: rss / 2 ** 20, longestStallMs };
    delay.reset();
    process.send!(health);
  });
  process.send!({ url: testing.get(IdempotentMqBrokerModule).url });
}

void main(process.argv[2]!);
