import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DataSource } from 'typeorm';
import { urlOf } from '../cli/support/run-cli.js';
import { bundle } from '../support/bundle.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { describeEachInPlace } from '../support/engines-in-place.js';
import { startService } from '../support/service.js';

// Property: one app, of which not a line differs, issues one card for each payment wherever its environment puts it.

const PAYMENTS = 20;
const NOT_SET = { BROKER_URL: '', BROKER_TOKEN: '', BROKER_PREFIX: '' };

describe('the same shop', () => {
  const made: TestDatabase[] = [];

  const database = async (engine: TestDatabase['engine']) => {
    const one = await createDatabase(engine);
    made.push(one);
    return one;
  };

  afterEach(async () => {
    for (const one of made.splice(0)) await one.drop();
  });

  /** Its own verdict, and the cards that are there when it has ended. */
  async function expectOneCardEach(of: TestDatabase, env: Record<string, string> = {}): Promise<void> {
    const { status, output } = await run({ DATABASE_URL: urlOf(of), ...env });
    expect({ output, status }).toEqual({ output: expect.stringContaining('lost 0, doubled 0'), status: 0 });
    expect(await numbersIn(of)).toEqual({ payments: PAYMENTS, announcements: 2 * PAYMENTS, cards: PAYMENTS });
  }

  it.each(engines)('issues one card for each payment in one database, on %s', async (engine) => {
    await expectOneCardEach(await database(engine));
  });

  it.each(engines)('and with the broker in a database of its own, on %s', async (engine) => {
    const broker = await database(engine);
    await expectOneCardEach(await database('sqlite'), { BROKER_URL: urlOf(broker) });
    expect(await rowsOf(broker, 'SELECT COUNT(*) AS n FROM mq_accepted')).toEqual([2 * PAYMENTS]);
  });

  it('and with the broker as a service', async () => {
    const service = await startService(await database('sqlite'));
    try {
      await expectOneCardEach(await database('sqlite'), { BROKER_URL: service.url });
    } finally {
      await service.close();
    }
  });

  describeEachInPlace(
    (engine) => `with ${engine} in the broker's place`,
    (create) => {
      const engine = create();

      afterAll(() => engine.drop());

      it('issues one card for each payment', async () => {
        const { url, prefix } = engine;
        await expectOneCardEach(await database('sqlite'), { BROKER_URL: url, BROKER_PREFIX: prefix });
      });
    },
  );

  it('does not start where its environment makes no sense, and says which variable is wrong', async () => {
    const { status, output } = await run({ DATABASE_URL: 'mysql://root:secret@127.0.0.1' });
    expect({ status, output: output.trim() }).toEqual({
      status: 1,
      output: expect.stringMatching(
        /^DATABASE_URL must be sqlite:FILE, .+ \(got mysql:\/\/\*\*\*@127\.0\.0\.1\)\.$/,
      ),
    });
  });
});

it('says in one line why it does not start, where the database is not there', async () => {
  const { status, output } = await run({ DATABASE_URL: 'mysql://root:secret@127.0.0.1:1/shop' });
  expect({ status, output: output.trim() }).toEqual({
    status: 1,
    output: "The shop can't start in mysql://***@127.0.0.1:1/shop: connect ECONNREFUSED 127.0.0.1:1",
  });
});

/** In a process of its own, which knows nothing but its environment. */
async function run(env: Record<string, string>): Promise<{ status: number; output: string }> {
  const main = await bundle('examples/anywhere/main.ts');
  const running = promisify(execFile)(process.execPath, [main], {
    env: { ...process.env, ...NOT_SET, ...env },
  });
  return running.then(
    ({ stdout, stderr }) => ({ status: 0, output: stdout + stderr }),
    ({ code, stdout, stderr }) => ({ status: code as number, output: `${stdout}${stderr}` }),
  );
}

async function numbersIn(database: TestDatabase) {
  const [payments, announcements] = await rowsOf(
    database,
    'SELECT COUNT(*) AS n FROM payment UNION ALL SELECT SUM(announcements) FROM payment',
  );
  const cards = await rowsOf(database, 'SELECT COUNT(*) AS n FROM card GROUP BY payment_id');
  return { payments, announcements, cards: cards.reduce((sum, n) => sum + n, 0) };
}

/** Their numbers, with plain SQL. */
async function rowsOf({ options }: TestDatabase, sql: string): Promise<number[]> {
  const dataSource = await new DataSource(options).initialize();
  try {
    const rows = await dataSource.query<{ n: number | string }[]>(sql);
    return rows.map(({ n }) => Number(n));
  } finally {
    await dataSource.destroy();
  }
}
