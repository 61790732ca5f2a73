import type { TestApp } from '../support/app.js';
import {
  type Leased,
  type Subscribed,
  MINUTE_MS,
  bizIds,
  claim,
  numbered,
  publishOrders,
  recordOf,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { inLanes } from '../support/in-lanes.js';
import { letPass, tableSizes } from '../support/tables.js';

// Property: what is set aside comes back once, under its old number, at its time and not before.

describe.each(engines)('what waits for its time on %s', (engine) => {
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

  const claimed = async (...orders: string[]): Promise<Leased[]> => {
    await publishOrders(app, orders);
    return (await claim(app, cards, { limit: orders.length })).deliveries;
  };

  it('comes back when its delay is over, with its record and its number', async () => {
    const [first] = await claimed('O-1');
    const record = { failures: 3, lostLeases: 0, errors: Buffer.from('[]') };
    expect(await app.broker.retryLater(first!, record, 10 * MINUTE_MS)).toBe(true);
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, waiting: 1 });
    await letPass(app.dataSource, 9 * MINUTE_MS);
    expect(await app.broker.poll(cards, 0)).toEqual({
      claimable: false,
      broughtBack: undefined,
      limited: false,
      keyed: false,
      removed: false,
    });
    await letPass(app.dataSource, MINUTE_MS);
    expect(await app.broker.poll(cards, 0)).toEqual({
      claimable: true,
      broughtBack: first!.seq,
      limited: false,
      keyed: false,
      removed: false,
    });
    const { deliveries } = await claim(app, cards);
    expect(deliveries).toEqual([expect.objectContaining({ seq: first!.seq, ...record })]);
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, delivery: 1 });
  });

  it('is brought back once when eight processes poll at the same time', async () => {
    const orders = numbered(300);
    await inLanes(4, await claimed(...orders), (held) =>
      app.broker.retryLater(held, recordOf(held), MINUTE_MS),
    );
    expect(await tableSizes(app.dataSource)).toEqual({ message: 300, waiting: 300 });
    await letPass(app.dataSource, MINUTE_MS);
    await Promise.all(Array.from({ length: 8 }, () => app.broker.poll(cards, 0)));
    // Each passes over what another one has locked: the last to end may have left some to the next.
    while ((await app.broker.poll(cards, 0)).broughtBack !== undefined);
    expect(await tableSizes(app.dataSource)).toEqual({ message: 300, delivery: 300 });
    expect(bizIds((await claim(app, cards, { limit: 300 })).deliveries)).toEqual(orders);
  });

  // SQLite has one writer: a move waits for it, and need not do otherwise.
  if (engine !== 'sqlite') {
    it('comes back although another retry is being written and not committed', async () => {
      await inLanes(4, await claimed(...numbered(40)), (held) =>
        app.broker.retryLater(held, recordOf(held), MINUTE_MS),
      );
      await letPass(app.dataSource, MINUTE_MS);
      const other = app.dataSource.createQueryRunner();
      await other.startTransaction();
      await app.dataSource.query(
        'INSERT INTO mq_waiting (subscription_id, due_at, seq, failures, lost_leases) VALUES (?, 0, 999, 0, 0)',
        [cards.id],
        other,
      );
      expect(await app.broker.poll(cards, 0)).toMatchObject({ broughtBack: expect.any(Number) });
      expect(await tableSizes(app.dataSource)).toEqual({ message: 40, delivery: 40 });
      await other.rollbackTransaction();
      await other.release();
    });
  }

  it('may be given back with a delay, at no cost, and keeps its place', async () => {
    const [first] = await claimed('O-1');
    expect(await app.broker.giveBack(first!, 10 * MINUTE_MS)).toBe(true);
    await letPass(app.dataSource, 9 * MINUTE_MS);
    expect((await claim(app, cards)).deliveries).toEqual([]);
    await letPass(app.dataSource, MINUTE_MS);
    expect(await claim(app, cards)).toMatchObject({
      deliveries: [{ seq: first!.seq, failures: 0, lostLeases: 0 }],
      suspects: [],
    });
  });
});
