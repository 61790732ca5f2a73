import { KeyedLines } from '../../src/broker/keyed-lines.js';
import { databaseOf } from '../../src/storage/index.js';
import type { TestApp } from '../support/app.js';
import {
  type Leased,
  type Subscribed,
  MINUTE_MS,
  OrderPlaced,
  bizIds,
  claimAlone,
  claimKeyed,
  numbered,
  publishUnder,
  recordOf,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { until } from '../support/until.js';

// Property: what comes back into the line of its key is passed by nobody who looked before it came.

describe.each(engines)('a line of an ordering key to which something comes back, on %s,', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let cards: Subscribed;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startBroker(database);
    cards = await subscribe(app, 'cards');
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const next = async () => (await claimKeyed(app, cards)).deliveries;
  const deadLetter = async (delivery: Leased) => {
    await app.broker.deadLetter(delivery, { ...recordOf(delivery), failures: 20 }, 'failed');
  };

  it('gives nothing behind one that is being tried again to a claim that has looked before', async () => {
    await publishUnder(app, 'a', ['a-1', 'a-2']);
    const [first] = (await next()) as [Leased];
    await deadLetter(first);
    const tables = databaseOf(app.dataSource);
    const lines = new KeyedLines(tables);
    const runner = app.dataSource.createQueryRunner();
    const claimer = { subscriptionId: cards.id, limited: false };
    const everything = { after: Buffer.alloc(0), until: Buffer.alloc(0) };
    const { heads } = await lines.look(runner, claimer, everything, 10);
    expect(heads.map(({ orderingKey }) => orderingKey.toString())).toEqual(['a']);
    // Meanwhile the first one comes back, fails, and waits to be tried again.
    await app.broker.deadLetters.requeue({ group: 'cards' });
    const [again] = (await next()) as [Leased];
    await app.broker.retryLater(again, recordOf(again), 60_000);
    await runner.startTransaction();
    expect(await lines.claim(runner, claimer, heads)).toEqual([]);
    await runner.rollbackTransaction();
    await runner.release();
    expect(await claimAlone(app, cards, heads[0]!.seq, MINUTE_MS, 'a')).toBeUndefined();
  });

  it('is never without its first one while many come back in batches', async () => {
    const ids = numbered(1_200, 'a');
    await publishUnder(app, 'a', ids);
    const sql = (statement: string) => app.dataSource.query(statement);
    await sql(`INSERT INTO mq_dead_letter (subscription_id, seq, reason, failures, lost_leases, dead_at)
               SELECT subscription_id, seq, 'failed', 20, 0, seq FROM mq_delivery_keyed`);
    await sql('DELETE FROM mq_delivery_keyed');
    const [{ first }] = await sql('SELECT MIN(seq) AS first FROM mq_dead_letter');
    const letters = await app.broker.deadLetters.list({ limit: 1_000 });
    const lines: number[] = [];
    let done = false;
    const requeueing = app.broker.deadLetters.requeue({ group: 'cards' }).finally(() => (done = true));
    await until('all are back', async () => {
      const [{ n, at }] = await sql('SELECT COUNT(*) AS n, MIN(seq) AS at FROM mq_delivery_keyed');
      if (Number(n) > 0) lines.push(Number(at));
      return done;
    });
    expect(await requeueing).toBe(1_200);
    expect(letters[0]!.bizId).toBe('a-1200');
    expect(new Set(lines)).toEqual(new Set([Number(first)]));
  });

  it('comes back in its order where ids are given newest first', async () => {
    await publishUnder(app, 'a', ['a-1', 'a-2', 'a-3']);
    for (let i = 0; i < 3; i++) await deadLetter(((await next()) as [Leased])[0]);
    const ids = (await app.broker.deadLetters.list()).map(({ id }) => id);
    await app.broker.deadLetters.requeue(ids);
    const order: string[] = [];
    for (let i = 0; i < 3; i++) {
      const [delivery] = (await next()) as [Leased];
      order.push(...bizIds([delivery]));
      await app.broker.acknowledge(delivery);
    }
    expect(order).toEqual(['a-1', 'a-2', 'a-3']);
  });

  it('ends a round over its keys also where the last look comes to the very key at which it began', async () => {
    const keys = numbered(9, 'k');
    const orders = keys.flatMap((key) => numbered(200, key)).map((orderId) => ({ orderId }));
    const orderingKey = ({ orderId }: { orderId: string }) => orderId.split('-').slice(0, 2).join('-');
    await app.outbox.publishAll(OrderPlaced, orders, { standalone: true, orderingKey });
    expect(await next()).toHaveLength(9);
    const lines = new KeyedLines(databaseOf(app.dataSource));
    const runner = app.dataSource.createQueryRunner();
    const from = Buffer.from('k-3');
    let search: { after: Buffer; until: Buffer } = { after: from, until: from };
    let looks = 0;
    for (let exhausted = false; !exhausted && looks < 5; looks++) {
      const found = await lines.look(runner, { subscriptionId: cards.id, limited: false }, search, 40);
      exhausted = found.exhausted;
      search = { ...search, after: found.after };
    }
    await runner.release();
    expect(looks).toBeLessThan(5);
  });
});
