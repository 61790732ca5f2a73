import { randomBytes } from 'node:crypto';
import type { DataSource, QueryRunner } from 'typeorm';
import {
  type Connection,
  databaseOf,
  findClaimable,
  findNextSubscription,
  findWork,
  leaseDeliveries,
  readMessages,
} from '../../src/storage/index.js';
import type { TestApp } from '../support/app.js';
import {
  type Subscribed,
  MINUTE_MS,
  numbered,
  publishOrders,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { rowsRead } from '../support/rows-read.js';
import { countRows } from '../support/tables.js';

// Property: a claim looks at the rows that it takes, however long the backlog is and however much waits for its time.

const LIMIT = 40;
const MESSAGES = 2_000;
const BACKLOG = 1_000_000;
const WAITING = 100_000;

describe.each(engines)('the rows that a claim looks at on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let cards: Subscribed;
  let runner: QueryRunner;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startBroker(database);
    cards = await subscribe(app, 'cards');
    await publishOrders(app, numbered(MESSAGES));
    runner = app.dataSource.createQueryRunner();
    // The first one also opens tables and looks at statistics.
    await cost(0);
  });

  afterEach(async () => {
    await runner.release();
    await app.close();
    await database.drop();
  });

  /** Of what a claim does, and of what an idle worker asks. */
  const cost = async (after: number): Promise<Cost> => {
    const tables = databaseOf(app.dataSource);
    return {
      claim: await rowsRead(runner, (on) => claimOnce(app.dataSource, on, cards, after)),
      poll: await rowsRead(runner, (on) => findWork(tables, on, { subscriptionId: cards.id, after })),
    };
  };

  it('are the same with a million deliveries behind it', async () => {
    const before = await cost(0);
    await multiply(app.dataSource, 'delivery', BACKLOG);
    expect(await countRows(app.dataSource, 'delivery')).toBeGreaterThanOrEqual(BACKLOG);
    const behind = await cost(0);
    expectLike(before, behind);
    // And the sweeper's walk over subscriptions is a look-up for each.
    const walk = (after: number) =>
      rowsRead(runner, (on) =>
        findNextSubscription(databaseOf(app.dataSource), on, { table: 'delivery', after }),
      );
    for (const after of [0, cards.id]) expect(await walk(after)).toBeLessThanOrEqual(3);
    // From a cursor amid the backlog, whose messages are not there to be read.
    expect((await cost(BACKLOG / 2)).claim).toBeLessThanOrEqual(behind.claim);
    expect(behind.claim).toBeGreaterThanOrEqual(LIMIT);
    // PostgreSQL reads the messages as a whole, which are few.
    const asAWhole = engine === 'postgres' ? MESSAGES : 0;
    expect(behind.claim).toBeLessThanOrEqual(3 * LIMIT + 5 + asAWhole);
    // One row of each table that it asks, and what an index looks at beside it.
    expect(behind.poll).toBeLessThanOrEqual(10);
  }, 180_000);

  it('are the same with a hundred thousand deliveries that wait for their time', async () => {
    const before = await cost(0);
    await multiply(app.dataSource, 'waiting', WAITING);
    expect(await countRows(app.dataSource, 'waiting')).toBeGreaterThanOrEqual(WAITING);
    expectLike(before, await cost(0));
  });

  function expectLike(before: Cost, behind: Cost): void {
    if (engine !== 'postgres') expect(behind).toEqual(before);
    // A short table PostgreSQL may read as a whole.
    else
      for (const what of ['claim', 'poll'] as const) expect(behind[what]).toBeLessThanOrEqual(before[what]);
  }
});

type Cost = Record<'claim' | 'poll', number>;

/** The statements of one claim. */
async function claimOnce(dataSource: DataSource, on: Connection, { id }: Subscribed, after: number) {
  const database = databaseOf(dataSource);
  const found = await findClaimable(database, on, {
    subscriptionId: id,
    after,
    limit: LIMIT,
    limited: false,
  });
  const seqs = found.map(({ seq }) => seq);
  expect(seqs).toHaveLength(LIMIT);
  const token = randomBytes(16);
  await leaseDeliveries(database, on, { subscriptionId: id, those: found, token, leaseMs: MINUTE_MS });
  await readMessages(database, on, seqs);
}

/** Doubles the rows until there are `count`, each under a number of its own and due in the far future. */
async function multiply(dataSource: DataSource, table: 'delivery' | 'waiting', count: number): Promise<void> {
  const also = table === 'waiting' ? ', due_at, failures, lost_leases' : '';
  if (table === 'waiting') {
    await dataSource.query(
      `INSERT INTO mq_waiting (subscription_id, seq${also})
       SELECT subscription_id, seq, 9000000000000000, 0, 0 FROM mq_delivery`,
    );
  }
  for (let rows = MESSAGES; rows < count; rows *= 2) {
    await dataSource.query(
      `INSERT INTO mq_${table} (subscription_id, seq${also}) SELECT subscription_id, seq + ${rows}${also} FROM mq_${table}`,
    );
  }
  // As autovacuum does within a minute.
  if (dataSource.options.type === 'postgres') await dataSource.query(`ANALYZE mq_${table}`);
}
