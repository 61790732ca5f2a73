import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createDatabase, engines } from '../support/engines.js';
import type { SoakOrders, SoakReading } from './soak-worker.js';

// Property: a process that handles messages for days holds no more memory than after its first hour.

/** MQ_TEST_SOAK=200000 makes it as many as it takes to see a slow leak. */
const MESSAGES = Number(process.env.MQ_TEST_SOAK) || 3_600;
const READINGS = 12;
/** Of the readings, which are taken after a full collection: what is in flight differs from one to the next. */
const NOISE_MIB = 4;

describe.each(engines)('the memory of a process that consumes, on %s', (engine) => {
  it(`is flat over ${MESSAGES} messages, after the first quarter`, async () => {
    const database = await createDatabase(engine);
    try {
      const every = Math.floor(MESSAGES / READINGS);
      const readings = await soak({ database: database.options, messages: every * READINGS, every });
      if (process.env.MQ_TEST_SOAK)
        console.log(
          readings.map(({ handled, heapMiB }) => `${handled}: ${heapMiB.toFixed(1)} MiB`).join(', '),
        );
      expect(readings).toHaveLength(READINGS);
      const later = readings.slice(READINGS / 4).map(({ heapMiB }) => heapMiB);
      expect(Math.max(...later)).toBeLessThan(later[0]! + NOISE_MIB);
    } finally {
      await database.drop();
    }
  }, 1_800_000);
});

async function soak(orders: SoakOrders): Promise<SoakReading[]> {
  const worker = fork(join(__dirname, 'soak-worker.ts'), {
    execArgv: ['--expose-gc', '--import', 'tsx'],
    env: { ...process.env, MQ_SOAK: JSON.stringify(orders) },
  });
  const readings: SoakReading[] = [];
  worker.on('message', (reading: SoakReading) => readings.push(reading));
  const [status] = await once(worker, 'exit');
  expect(status).toBe(0);
  return readings;
}
