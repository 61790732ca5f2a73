import { type BrokerParts, openBroker } from '../../relay/parts.js';
import { type TestDatabase, createDatabase } from '../../support/engines.js';
import { brokenVariants } from './broken-variants.js';
import { Library } from './library.js';
import { describeFailure, findFailure } from './schedules.js';

// Property: a schedule that shows a mistake is told as its few steps, and what a failure says is enough to see it again.

jest.mock('../../../src/storage/statements/index.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../../src/storage/statements/index.js'),
}));

const ENGINE = 'sqlite';
const [simpleRule] = brokenVariants;
/** The longest of thirty had eleven. */
const FEW_STEPS = 20;

describe('a schedule that finds something', () => {
  let database: TestDatabase;
  let parts: BrokerParts;

  beforeAll(async () => {
    database = await createDatabase(ENGINE);
    parts = await openBroker(database);
  });

  afterAll(async () => {
    jest.restoreAllMocks();
    await parts.close();
    await database.drop();
  });

  it('becomes shorter, and finds the same when it is played again', async () => {
    simpleRule.use();
    const library = new Library(parts);
    const failure = (await findFailure(library, { runs: 500 }))!;
    expect(failure.error.message).toContain(simpleRule.damage);
    expect(failure.schedule.split(',').length).toBeLessThan(FEW_STEPS);

    const { seed, path, commands } = failure;
    const again = await findFailure(library, { runs: 1, seed, path, commands, shrinks: false });
    expect(again?.schedule).toBe(failure.schedule);
    expect(again?.error.message).toBe(failure.error.message);
    expect(describeFailure(ENGINE, failure)).toContain(
      `again: MQ_TEST_ENGINES=sqlite MQ_TEST_MODEL_SEED=${seed} MQ_TEST_MODEL_PATH=${path} MQ_TEST_MODEL_COMMANDS='${commands}' npm test -- test/forgetting/model`,
    );
  }, 300_000);
});
