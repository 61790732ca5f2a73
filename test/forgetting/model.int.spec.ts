import { randomBytes } from 'node:crypto';
import { Seeded } from '../../campaigns/seeded.js';
import { type BrokerParts, DAY_MS, openBroker } from '../relay/parts.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { Model } from './support/model.js';
import { useTheSimpleRule } from './support/simple-rule.js';

// Property: in whatever order messages are published, told of again, delivered, lost, set aside, dead-lettered, requeued,
// quarantined and released, while rows are forgotten by quick sweepers, slow ones and restarted ones: a repeat that lands
// within the retention has no effect, and nothing that was there for all to see in time is ever too old to be judged.
// MQ_TEST_MODEL_RUNS has more schedules run, and MQ_TEST_MODEL_SEED the one that a failure has named.

jest.mock('../../src/storage/statements/index.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../src/storage/statements/index.js'),
}));

const STEPS = 60;
const TABLES = [
  ...['message', 'delivery', 'waiting', 'parked', 'dead_letter', 'quarantine', 'accepted', 'accepted_floor'],
  ...['dedup', 'dedup_kept', 'scenario', 'scenario_source', 'subscription'],
];

const MORE_RUNS = Number(process.env.MQ_TEST_MODEL_RUNS) || 0;

jest.setTimeout(600_000 + MORE_RUNS * 5_000);

describe.each(engines)('schedules that a seed decides, on %s,', (engine) => {
  const runs = MORE_RUNS || (engine === 'sqlite' ? 200 : 20);
  let database: TestDatabase;
  let parts: BrokerParts;

  beforeAll(async () => {
    database = await createDatabase(engine);
    parts = await openBroker(database);
  });

  afterAll(async () => {
    await parts.close();
    await database.drop();
  });

  afterEach(() => jest.restoreAllMocks());

  async function play(seed: string): Promise<Model> {
    for (const table of TABLES) await parts.dataSource.query(`DELETE FROM mq_${table}`);
    const model = new Model(parts, new Seeded(seed));
    await model.run(STEPS);
    return model;
  }

  /** What is wrong with the first schedule that shows anything. */
  async function firstWrong(seeds: readonly string[]): Promise<string | undefined> {
    for (const seed of seeds) {
      const { wrongs, log } = await play(seed);
      if (wrongs.length > 0) return [`seed ${seed}: ${wrongs.join('; ')}`, ...log].join('\n');
    }
    return undefined;
  }

  const seeds = (count: number) => {
    const given = process.env.MQ_TEST_MODEL_SEED;
    if (given) return [given];
    const base = randomBytes(4).toString('hex');
    return Array.from({ length: count }, (_, i) => `${base}-${i}`);
  };

  it('have one effect for each biz-id and retention, and forget in the end', async () => {
    const counts = { effects: 0, absorbed: 0, tooOld: 0, forgotten: 0 };
    for (const seed of seeds(runs)) {
      const { wrongs, log, counts: of } = await play(seed);
      if (wrongs.length > 0) throw new Error([`seed ${seed}: ${wrongs.join('; ')}`, ...log].join('\n'));
      for (const key of Object.keys(counts) as (keyof typeof counts)[]) counts[key] += of[key];
    }
    // Schedules in which one of these never happened would have shown nothing.
    if (!process.env.MQ_TEST_MODEL_SEED && runs >= 20)
      expect(Object.entries(counts).filter(([, count]) => count === 0)).toEqual([]);
  });

  it('show that the simple rule has second effects', async () => {
    useTheSimpleRule(10 * DAY_MS);
    expect(await firstWrong(seeds(100))).toContain('took effect twice');
  });
});
