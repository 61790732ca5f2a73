import { type BrokerParts, openBroker } from '../../relay/parts.js';
import { type Engine, type TestDatabase, createDatabase, engines } from '../../support/engines.js';
import { brokenVariants } from './broken-variants.js';
import { Library } from './library.js';
import { type Counts, describeFailure, findFailure } from './schedules.js';

// Property: in whatever order messages are published, told of again, delivered, lost, set aside, dead-lettered, requeued,
// quarantined and released, while rows are forgotten by quick sweepers, slow ones and restarted ones: each message is
// delivered until it is over and never after that, a repeat that lands within the retention has no effect, and nothing that
// was there for all to see in time is ever too old to be judged. CONTRIBUTING.md has the variables for more of them, and
// for the one that a failure has named.

jest.mock('../../../src/storage/statements/index.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../../src/storage/statements/index.js'),
}));

/** Two thousand, of which the servers have those that they get through in the time that SQLite needs for its own. */
const RUNS: Record<Engine, number> = { sqlite: 1_500, mariadb: 350, mysql: 150, postgres: 150 };
const MOST_FOR_A_VARIANT = 500;
/** Schedules in which something that must happen does. */
const ENOUGH = 50;

const {
  MQ_TEST_MODEL_RUNS: givenRuns,
  MQ_TEST_MODEL_SEED: seed = '1',
  MQ_TEST_MODEL_PATH: path,
  MQ_TEST_MODEL_COMMANDS: commands,
} = process.env;

/** Ten times as long as they take on a machine that has nothing else to do. */
jest.setTimeout(1_800_000 + Number(givenRuns ?? 0) * 2_000);

describe.each(engines)('schedules that a seed decides, on %s,', (engine) => {
  const runs = Number(givenRuns) || RUNS[engine];
  let database: TestDatabase;
  let parts: BrokerParts;
  let library: Library;

  beforeAll(async () => {
    database = await createDatabase(engine);
    parts = await openBroker(database);
    library = new Library(parts);
  });

  afterAll(async () => {
    await parts.close();
    await database.drop();
  });

  afterEach(() => jest.restoreAllMocks());

  it('have one effect for each biz-id and retention, and forget in the end', async () => {
    const counts: Counts = { effects: 0, absorbed: 0, tooOld: 0, forgotten: 0 };
    const chosen = { runs, seed: seed === 'random' ? undefined : Number(seed), path, commands };
    const failure = await findFailure(library, chosen, (of) => {
      for (const key of Object.keys(counts) as (keyof Counts)[]) counts[key] += of[key];
    });
    if (failure) throw new Error(describeFailure(engine, failure));
    // Schedules in which one of these never happened would have shown nothing.
    if (!path && runs >= ENOUGH)
      expect(Object.entries(counts).filter(([, count]) => count === 0)).toEqual([]);
  });

  it.each(brokenVariants)('find $name', async ({ damage, use }) => {
    use();
    const failure = await findFailure(library, { runs: MOST_FOR_A_VARIANT, shrinks: false });
    expect(failure?.error.message).toContain(damage);
  });
});
