import type { TestApp } from '../support/app.js';
import {
  type Subscribed,
  MINUTE_MS,
  OrderPlaced,
  bizIds,
  claim,
  claimAlone,
  numbered,
  publishOrders,
  recordOf,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows, letPass } from '../support/tables.js';

// Property: a delivery has one holder at a time, and every delivery finds one, whatever order it committed in.

describe.each(engines)('claims on %s', (engine) => {
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

  it('give each delivery to one of eight claimers at the same time, and leave none out', async () => {
    const orders = numbered(1_000);
    await publishOrders(app, orders);
    const claimer = async () => {
      const got: string[] = [];
      for (let free = true; free;) {
        const { deliveries } = await claim(app, cards, { limit: 7 });
        got.push(...bizIds(deliveries));
        // A claimer that met only rows which others had locked found nothing, and is not done for that.
        free = deliveries.length > 0 || (await countRows(app.dataSource, 'delivery', 'token IS NULL')) > 0;
      }
      return got;
    };
    const got = await Promise.all(Array.from({ length: 8 }, claimer));
    expect(got.flat().sort()).toEqual(orders.sort());
    expect(got.filter((part) => part.length > 0).length).toBeGreaterThan(1);
  });

  it('keep to the limit, the order of the numbers and the cursor', async () => {
    await publishOrders(app, numbered(5));
    const first = await claim(app, cards, { limit: 2 });
    expect(bizIds(first.deliveries)).toEqual(['O-1', 'O-2']);
    const next = await claim(app, cards, { limit: 2, after: first.lastSeen! + 1 });
    expect(bizIds(next.deliveries)).toEqual(['O-4', 'O-5']);
    const rest = await claim(app, cards, { after: 0 });
    expect(bizIds(rest.deliveries)).toEqual(['O-3']);
  });

  it('are held for as long as the lease says, and are suspect when it has run out', async () => {
    await publishOrders(app, ['O-1']);
    const { deliveries } = await claim(app, cards, { leaseMs: 10 * MINUTE_MS });
    expect(deliveries).toHaveLength(1);
    await letPass(app.dataSource, 9 * MINUTE_MS);
    expect(await claim(app, cards)).toEqual({
      deliveries: [],
      lastSeen: undefined,
      suspects: [],
      heldBack: false,
    });
    expect(await claimAlone(app, cards, deliveries[0]!.seq)).toBeUndefined();
    await letPass(app.dataSource, MINUTE_MS);
    const { seq } = deliveries[0]!;
    expect(await claim(app, cards)).toEqual({
      deliveries: [],
      lastSeen: seq,
      suspects: [{ seq }],
      heldBack: false,
    });
  });

  it('hand a suspect out alone, to one of eight, and count the lost lease once', async () => {
    await publishOrders(app, numbered(2));
    const { deliveries } = await claim(app, cards, { limit: 1 });
    await letPass(app.dataSource, MINUTE_MS);
    const answer = await claim(app, cards);
    expect(bizIds(answer.deliveries)).toEqual(['O-2']);
    expect(answer.suspects).toEqual([{ seq: deliveries[0]!.seq }]);
    const alone = await Promise.all(
      Array.from({ length: 8 }, () => claimAlone(app, cards, deliveries[0]!.seq)),
    );
    expect(alone.filter((got) => got !== undefined)).toEqual([
      expect.objectContaining({ seq: deliveries[0]!.seq, lostLeases: 1, failures: 0 }),
    ]);
  });

  it('never hand out with others what once lost a lease, however it came back', async () => {
    await publishOrders(app, ['O-1']);
    const { seq } = (await claim(app, cards)).deliveries[0]!;
    await letPass(app.dataSource, MINUTE_MS);
    const given = (await claimAlone(app, cards, seq))!;
    expect(await app.broker.giveBack(given, 0)).toBe(true);
    expect(await claim(app, cards)).toMatchObject({ deliveries: [], suspects: [{ seq }] });
    const retried = (await claimAlone(app, cards, seq))!;
    expect(retried.lostLeases).toBe(1);
    expect(await app.broker.retryLater(retried, recordOf(retried), MINUTE_MS)).toBe(true);
    await letPass(app.dataSource, MINUTE_MS);
    await app.broker.poll(cards, 0);
    expect(await claim(app, cards)).toMatchObject({ deliveries: [], suspects: [{ seq }] });
  });

  it('find a message that committed after later ones, by looking from the start again', async () => {
    // SQLite has one writer: numbers commit in order there, and the early one is behind the cursor for a claim's sake.
    const commitsLate = engine !== 'sqlite';
    const early = app.dataSource.createQueryRunner();
    await early.startTransaction();
    await app.outbox.publish(OrderPlaced, { orderId: 'early' }, { manager: early.manager });
    if (!commitsLate) await early.commitTransaction();
    await publishOrders(app, numbered(3, 'late'));
    const late = await claim(app, cards, { after: commitsLate ? 0 : 1 });
    expect(bizIds(late.deliveries)).toEqual(['late-1', 'late-2', 'late-3']);
    if (commitsLate) await early.commitTransaction();
    await early.release();
    expect(await app.broker.poll(cards, late.lastSeen!)).toMatchObject({ claimable: false });
    expect(await app.broker.poll(cards, 0)).toMatchObject({ claimable: true });
    expect(bizIds((await claim(app, cards)).deliveries)).toEqual(['early']);
  });

  it('are of one subscription: a group or a topic of another sees nothing of them', async () => {
    const sms = await subscribe(app, 'sms');
    const refunds = await subscribe(app, 'cards', 'order.refunded');
    await publishOrders(app, ['O-1']);
    expect((await claim(app, refunds)).deliveries).toEqual([]);
    expect(bizIds((await claim(app, cards)).deliveries)).toEqual(['O-1']);
    expect(bizIds((await claim(app, sms)).deliveries)).toEqual(['O-1']);
  });
});
