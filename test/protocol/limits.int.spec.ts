import { type GroupLimits, defineTopic } from '../../src/index.js';
import type { TestApp } from '../support/app.js';
import {
  type Leased,
  MINUTE_MS,
  type Order,
  OrderPlaced,
  type Subscribed,
  bizIds,
  claim,
  claimAlone,
  numbered,
  publishOrders,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows, letPass } from '../support/tables.js';

// Property: a group is given no more at the same time, and no more per second, than an operator allows it: all its topics
// and all processes together.

const OrderRefunded = defineTopic<Order>({ name: 'order.refunded', bizId: (order) => order.orderId });
const topic = OrderPlaced.name;
const NONE = { concurrency: null, perSecond: null };
const DAY_MS = 24 * 60 * MINUTE_MS;
/** So slow that nothing comes in while a test runs. */
const ONE_IN_1000_S = 0.001;

/** What a worker does: it learns from the poll that there is a limit. */
async function next(app: TestApp, subscription: Subscribed, options: Parameters<typeof claim>[2] = {}) {
  await app.broker.poll(subscription, 0);
  return claim(app, subscription, options);
}

async function acknowledge(app: TestApp, ...held: Leased[]): Promise<void> {
  for (const lease of held) expect(await app.broker.acknowledge(lease)).toBe(true);
}

describe.each(engines)('limits of groups on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let cards: Subscribed;

  const limit = (limits: Partial<GroupLimits>, group = 'cards') => app.broker.groups.limit({ group }, limits);
  const limits = async () => (await app.broker.groups.list()).map((row) => [row.topic, row.limits]);

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startBroker(database);
    cards = await subscribe(app, 'cards');
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it('hand out no more than may be handled at the same time, and more as it is done', async () => {
    await limit({ concurrency: 2 });
    await publishOrders(app, numbered(5));
    const first = await next(app, cards);
    expect(bizIds(first.deliveries)).toEqual(['O-1', 'O-2']);
    expect(first.heldBack).toBe(true);
    expect(await next(app, cards)).toEqual({
      deliveries: [],
      lastSeen: undefined,
      suspects: [],
      heldBack: true,
    });
    await acknowledge(app, first.deliveries[0]!);
    expect(await app.broker.giveBack(first.deliveries[1]!, DAY_MS)).toBe(true);
    const second = await next(app, cards);
    expect(bizIds(second.deliveries)).toEqual(['O-3', 'O-4']);
    await acknowledge(app, ...second.deliveries);
    const last = await next(app, cards);
    expect(bizIds(last.deliveries)).toEqual(['O-5']);
    expect(last.heldBack).toBe(false);
    expect(await countRows(app.dataSource, 'limited_lease')).toBe(1);
  });

  it('are shared by eight claimers at the same time', async () => {
    await limit({ concurrency: 5 });
    await publishOrders(app, numbered(40));
    await app.broker.poll(cards, 0);
    const answers = await Promise.all(Array.from({ length: 8 }, () => claim(app, cards, { limit: 3 })));
    expect(answers.flatMap(({ deliveries }) => deliveries)).toHaveLength(5);
  });

  it('are of all topics of the group together, and of no other group', async () => {
    await limit({ concurrency: 3 });
    const refunds = await subscribe(app, 'cards', OrderRefunded.name);
    const sms = await subscribe(app, 'sms');
    await publishOrders(app, numbered(5));
    await app.outbox.publishAll(
      OrderRefunded,
      numbered(5, 'R').map((orderId) => ({ orderId })),
      { standalone: true },
    );
    const placed = await next(app, cards, { limit: 2 });
    const refunded = await next(app, refunds);
    expect(bizIds([...placed.deliveries, ...refunded.deliveries])).toEqual(['O-1', 'O-2', 'R-1']);
    expect((await next(app, cards)).deliveries).toEqual([]);
    await acknowledge(app, ...refunded.deliveries);
    expect(bizIds((await next(app, cards)).deliveries)).toEqual(['O-3']);
    expect((await next(app, sms)).deliveries).toHaveLength(5);
    expect(await limits()).toEqual([
      [topic, { ...NONE, concurrency: 3 }],
      [topic, NONE],
      [OrderRefunded.name, { ...NONE, concurrency: 3 }],
    ]);
  });

  it('are raised, lowered and lifted at run time', async () => {
    await limit({ concurrency: 1 });
    await publishOrders(app, numbered(9));
    const held = (await next(app, cards)).deliveries;
    expect(held).toHaveLength(1);
    await limit({ concurrency: 3 });
    held.push(...(await next(app, cards)).deliveries);
    expect(held).toHaveLength(3);
    await limit({ concurrency: 2 });
    await acknowledge(app, held.pop()!);
    expect((await next(app, cards)).deliveries).toEqual([]);
    await acknowledge(app, held.pop()!);
    expect((await next(app, cards)).deliveries).toHaveLength(1);
    await limit({ concurrency: null });
    expect(await next(app, cards)).toMatchObject({ deliveries: { length: 5 }, heldBack: false });
    expect(await limits()).toEqual([[topic, NONE]]);
    expect(await countRows(app.dataSource, 'group_limit')).toBe(0);
    expect(await countRows(app.dataSource, 'limited_lease')).toBe(0);
  });

  it('count what was handed out before there was one', async () => {
    await publishOrders(app, numbered(5));
    const { deliveries } = await next(app, cards, { limit: 3 });
    await limit({ concurrency: 2 });
    expect((await next(app, cards)).deliveries).toEqual([]);
    await acknowledge(app, deliveries[0]!);
    expect((await next(app, cards)).deliveries).toEqual([]);
    await acknowledge(app, deliveries[1]!);
    expect((await next(app, cards)).deliveries).toHaveLength(1);
  });

  it('hold for a claim that does not know of them yet, which gets nothing until its poll has told', async () => {
    const other = await startBroker(database);
    try {
      await publishOrders(app, numbered(5));
      expect(await other.broker.poll(cards, 0)).toMatchObject({ limited: false });
      await limit({ concurrency: 2 });
      expect((await claim(other, cards)).deliveries).toEqual([]);
      expect(await claimAlone(other, cards, 1)).toBeUndefined();
      expect(await other.broker.poll(cards, 0)).toMatchObject({ claimable: true, limited: true });
      expect((await claim(other, cards)).deliveries).toHaveLength(2);
      // The other way round, the claim sees it by itself.
      await limit({ concurrency: null });
      expect((await claim(other, cards)).deliveries).toHaveLength(3);
    } finally {
      await other.close();
    }
  });

  it('are kept over a restart, with what they have counted', async () => {
    await limit({ concurrency: 2, perSecond: 5 });
    await publishOrders(app, numbered(5));
    await next(app, cards, { limit: 1 });
    await app.close();
    app = await startBroker(database);
    expect(await limits()).toEqual([[topic, { concurrency: 2, perSecond: 5 }]]);
    expect((await next(app, cards)).deliveries).toHaveLength(1);
  });

  it('give the place of a holder that died to others when its lease has run out', async () => {
    await limit({ concurrency: 1 });
    await publishOrders(app, numbered(2));
    const { lastSeen } = await next(app, cards, { leaseMs: MINUTE_MS });
    await letPass(app.dataSource, MINUTE_MS / 2);
    // For a claim that is behind the held one.
    expect((await next(app, cards, { after: lastSeen! })).deliveries).toEqual([]);
    await letPass(app.dataSource, MINUTE_MS / 2);
    expect(bizIds((await next(app, cards, { after: lastSeen! })).deliveries)).toEqual(['O-2']);
  });

  it('keep the place of a holder that renews its lease', async () => {
    await limit({ concurrency: 1 });
    await publishOrders(app, numbered(2));
    const { deliveries } = await next(app, cards, { leaseMs: MINUTE_MS });
    expect(await app.broker.extend(cards, deliveries, DAY_MS)).toEqual([]);
    await letPass(app.dataSource, MINUTE_MS);
    expect((await next(app, cards)).deliveries).toEqual([]);
  });

  it('hold for suspects: naming one takes nothing, and claiming it alone does', async () => {
    await publishOrders(app, numbered(3));
    const { deliveries } = await next(app, cards, { limit: 1 });
    const { seq } = deliveries[0]!;
    await letPass(app.dataSource, MINUTE_MS);
    await limit({ concurrency: 1, perSecond: ONE_IN_1000_S });
    expect(await next(app, cards)).toMatchObject({ deliveries: [], suspects: [{ seq }], lastSeen: seq });
    const alone = await claimAlone(app, cards, seq, DAY_MS);
    expect(alone).toMatchObject({ seq, lostLeases: 1 });
    await letPass(app.dataSource, 1_000_000);
    expect((await next(app, cards)).deliveries).toEqual([]);
    await acknowledge(app, alone!);
    const second = (await next(app, cards)).deliveries[0]!;
    expect(bizIds([second])).toEqual(['O-2']);
    // Another suspect, while the place is taken, and then while nothing has come in.
    await app.dataSource.query('UPDATE mq_delivery SET lost_leases = 1 WHERE seq = ?', [seq + 2]);
    expect(await claimAlone(app, cards, seq + 2)).toBeUndefined();
    await acknowledge(app, second);
    expect(await claimAlone(app, cards, seq + 2)).toBeUndefined();
    await letPass(app.dataSource, 1_000_000);
    expect(await claimAlone(app, cards, seq + 2)).toMatchObject({ seq: seq + 2 });
  });

  it('hand out one second’s worth at once, and never more, however long nothing was claimed', async () => {
    await limit({ perSecond: 5 });
    await publishOrders(app, numbered(20));
    const first = await next(app, cards, { leaseMs: DAY_MS });
    expect(bizIds(first.deliveries)).toEqual(numbered(5));
    expect(first.heldBack).toBe(true);
    const [{ tokens }] = await app.dataSource.query('SELECT tokens FROM mq_group_limit');
    expect(Number(tokens)).toBe(0);
    await letPass(app.dataSource, MINUTE_MS);
    expect(bizIds((await next(app, cards)).deliveries)).toEqual(numbered(10).slice(5));
    expect(await countRows(app.dataSource, 'limited_lease')).toBe(0);
  });

  it('hand out at the rate, by the database’s clock, also less than one a second', async () => {
    await limit({ perSecond: ONE_IN_1000_S });
    await publishOrders(app, numbered(9));
    const claimed = async () => (await next(app, cards, { leaseMs: DAY_MS })).deliveries.length;
    expect(await claimed()).toBe(1);
    expect(await claimed()).toBe(0);
    await letPass(app.dataSource, 900_000);
    expect(await claimed()).toBe(0);
    await letPass(app.dataSource, 100_000);
    expect(await claimed()).toBe(1);
    await letPass(app.dataSource, 5_000_000);
    expect(await claimed()).toBe(1);
    expect(await claimed()).toBe(0);
  });

  it('take from the rate only what is there to be handed out, and give nothing for being set again', async () => {
    await limit({ perSecond: ONE_IN_1000_S });
    expect((await next(app, cards)).deliveries).toEqual([]);
    await publishOrders(app, numbered(5));
    expect((await next(app, cards)).deliveries).toHaveLength(1);
    await limit({ perSecond: 2 * ONE_IN_1000_S });
    await limit({ concurrency: 5 });
    expect((await next(app, cards)).deliveries).toEqual([]);
    await limit({ perSecond: null });
    expect((await next(app, cards)).deliveries).toHaveLength(4);
  });

  it('are shared by eight claimers within one second, too', async () => {
    await limit({ perSecond: ONE_IN_1000_S });
    await publishOrders(app, numbered(40));
    await app.broker.poll(cards, 0);
    const answers = await Promise.all(Array.from({ length: 8 }, () => claim(app, cards, { limit: 3 })));
    expect(answers.flatMap(({ deliveries }) => deliveries)).toHaveLength(1);
  });

  it('change where they are given, stay where they are left out, and go where they are null', async () => {
    await limit({ concurrency: 2 });
    await limit({ perSecond: 0.5 });
    expect(await limits()).toEqual([[topic, { concurrency: 2, perSecond: 0.5 }]]);
    await limit({ concurrency: null, perSecond: undefined });
    expect(await limits()).toEqual([[topic, { concurrency: null, perSecond: 0.5 }]]);
    await limit({ concurrency: 10_000, perSecond: 1_000_000 });
    expect(await limits()).toEqual([[topic, { concurrency: 10_000, perSecond: 1_000_000 }]]);
    await limit(NONE);
    expect(await limits()).toEqual([[topic, NONE]]);
    await limit(NONE);
    expect(await app.broker.poll(cards, 0)).toMatchObject({ limited: false });
  });

  it('are both kept where two operators each set the first one at the same time', async () => {
    await Promise.all([limit({ concurrency: 2 }), limit({ perSecond: 3 })]);
    expect(await limits()).toEqual([[topic, { concurrency: 2, perSecond: 3 }]]);
  });

  it('go with the last subscription of the group', async () => {
    const refunds = await subscribe(app, 'cards', OrderRefunded.name);
    await limit({ concurrency: 1 });
    await app.broker.removeSubscription({ topic, group: 'cards', version: 1 });
    expect(await limits()).toEqual([[refunds.topic, { ...NONE, concurrency: 1 }]]);
    await app.broker.removeSubscription({ topic: refunds.topic, group: 'cards', version: 1 });
    expect(await limits()).toEqual([]);
    const returned = await app.broker.subscribe({ topic, group: 'cards', version: 2 });
    expect(await limits()).toEqual([[topic, NONE]]);
    await publishOrders(app, numbered(3));
    expect((await next(app, returned)).deliveries).toHaveLength(3);
  });

  it.each([
    [{}, 'groups.limit(group, limits)'],
    [undefined, 'groups.limit(group, limits)'],
    [{ concurrency: undefined }, 'groups.limit(group, limits)'],
    ...[0, -1, 1.5, 10_001, NaN, Infinity, '2', true, 2n].map((concurrency) => [
      { concurrency },
      'groups.limit(group, { concurrency })',
    ]),
    ...[0, -0.5, 1_000_001, NaN, Infinity, '0.5', []].map((perSecond) => [
      { perSecond },
      'groups.limit(group, { perSecond })',
    ]),
    [{ concurrency: 1, perMinute: 5 }, 'groups.limit(group, { perMinute })'],
    [{ concurrency: 1, toString: 5 }, 'groups.limit(group, { toString })'],
  ] as [unknown, string][])('of %p are refused by name, and nothing is changed', async (wrong, option) => {
    const set = limit(wrong as never);
    await expect(set).rejects.toMatchObject({ code: 'OPTIONS_INVALID', option });
    expect(await limits()).toEqual([[topic, NONE]]);
  });

  it.each([{ group: 'crads' }, {}, undefined])(
    'of a group that does not exist (%j) are refused, with those that do',
    async (which) => {
      const set = app.broker.groups.limit(which as never, { concurrency: 1 });
      await expect(set).rejects.toMatchObject({
        code: 'OPTIONS_INVALID',
        option: 'groups.limit({ group })',
      });
      await expect(set).rejects.toThrow('There are: cards of order.placed');
    },
  );

  it('of a group’s one topic are refused: they are of the group', async () => {
    const set = app.broker.groups.limit({ group: 'cards', topic } as never, { concurrency: 1 });
    await expect(set).rejects.toThrow('groups.limit({ topic }) must be left out');
  });
});
