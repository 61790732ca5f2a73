import { DAY_MS } from '../relay/parts.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { until } from '../support/until.js';
import { Forgetting } from '../../src/consumer/index.js';
import { through } from '../relay/parts.js';
import { DedupLog } from './support/dedup-log.js';

// Property: a process that sweeps forgets by itself, and of many such only one asks the broker each time.

describe.each(engines)('processes that forget by themselves, on %s,', (engine) => {
  let database: TestDatabase;
  let log: DedupLog;
  let asked: number;
  const started: Forgetting[] = [];

  beforeEach(async () => {
    database = await createDatabase(engine);
    log = await DedupLog.open(database);
    asked = 0;
  });

  afterEach(async () => {
    for (const each of started.splice(0)) await each.stop();
    await log.close();
    await database.drop();
  });

  const start = (intervalMs: number) => {
    const forgetting = new Forgetting({
      connections: log.parts.connections,
      transport: through(log.broker, {
        unfinished: (...args) => {
          asked++;
          return log.broker.unfinished(...args);
        },
      }),
      events: log.parts.events,
      retention: { dedupMs: 30 * DAY_MS, slackMs: DAY_MS, executors: {} },
      intervalMs,
      onError: (error) => {
        throw error;
      },
    });
    started.push(forgetting);
    forgetting.start();
    forgetting.start();
    return forgetting;
  };

  it('delete what is old, again and again, until they are stopped', async () => {
    await log.note(['old'], 40);
    const forgetting = start(5);
    await until('the row is gone', async () => (await log.remembered()).length === 0);
    await log.note(['older'], 50);
    await until('the next one is gone', async () => (await log.remembered()).length === 0);
    await forgetting.stop();
    await log.note(['oldest'], 60);
    const before = asked;
    await forgetting.stop();
    expect(asked).toBe(before);
    expect(await log.remembered()).toEqual(['oldest']);
  });

  it('leave it at what another one has done just now', async () => {
    await log.sweeper().forget();
    const forgetting = start(60_000);
    await (forgetting as unknown as { pass(signal: AbortSignal): Promise<unknown> }).pass(
      new AbortController().signal,
    );
    expect(asked).toBe(0);
    await forgetting.forget();
    expect(asked).toBe(1);
  });
});
