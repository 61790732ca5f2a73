import { databaseOf, findOverdueParked } from '../../src/storage/index.js';
import type { TestApp } from '../support/app.js';
import {
  MINUTE_MS,
  OrderPlaced,
  bizIds,
  claim,
  numbered,
  publishOrders,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { rowsRead } from '../support/rows-read.js';
import { countRows, letPass, tableSizes } from '../support/tables.js';

// Property: a message that found no group is kept for each that comes in time, and is never dropped silently.

const UNROUTED_MS = 10 * MINUTE_MS;

describe.each(engines)('messages that found no group on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    const options = { roles: { sweep: false }, retention: { unroutedMs: UNROUTED_MS } };
    app = await startBroker(database, { options });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const take = async (group: string, limit = 1_000) =>
    bizIds((await claim(app, await subscribe(app, group), { limit })).deliveries);

  it('are given to every group that subscribes while they are parked', async () => {
    await publishOrders(app, numbered(3));
    expect(await take('cards')).toEqual(numbered(3));
    await publishOrders(app, ['routed']);
    expect(await take('cards')).toEqual(['routed']);
    expect(await take('sms')).toEqual(numbered(3));
  });

  it('are given to a group that comes late in any number, one subscription as the next', async () => {
    const all = numbered(11_000);
    await publishOrders(app, all);
    for (const group of ['cards', 'sms']) expect(await take(group, 20_000)).toEqual(all);
  });

  it('are dead letters when their time is over and nobody came, and not before', async () => {
    await publishOrders(app, numbered(2));
    await letPass(app.dataSource, UNROUTED_MS - MINUTE_MS);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({ message: 2, parked: 2 });
    await letPass(app.dataSource, MINUTE_MS);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({ message: 2, dead_letter: 2 });
    const letters = await app.broker.deadLetters.list();
    expect(letters).toHaveLength(2);
    expect(letters[0]).toMatchObject({ topic: 'order.placed', reason: 'unrouted', bizId: 'O-2' });
    expect(letters[0]!.group).toBeUndefined();
    expect(await take('too-late')).toEqual([]);
  });

  it('wait for no further group once their time is over and one has taken them', async () => {
    await publishOrders(app, ['O-1']);
    const cards = await subscribe(app, 'cards');
    await letPass(app.dataSource, UNROUTED_MS);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, delivery: 1 });
    const [held] = (await claim(app, cards)).deliveries;
    expect(await app.broker.acknowledge(held!)).toBe(true);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({});
  });

  it('stay although every group that took them is done, until their time is over', async () => {
    await publishOrders(app, ['O-1']);
    const [held] = (await claim(app, await subscribe(app, 'cards'))).deliveries;
    await app.broker.acknowledge(held!);
    app.broker.finished(held!.seq);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, parked: 1 });
    expect(await take('sms')).toEqual(['O-1']);
  });

  it('are not looked at by the sweeper before their time, in any number', async () => {
    const orders = numbered(3_000).map((orderId) => ({ orderId }));
    await app.outbox.publishAll(OrderPlaced, orders, { standalone: true, delayMs: MINUTE_MS });
    const runner = app.dataSource.createQueryRunner();
    const find = () =>
      rowsRead(runner, (on) =>
        findOverdueParked(databaseOf(app.dataSource), on, {
          topicId: 1,
          olderThanMs: UNROUTED_MS,
          limit: 200,
        }),
      );
    // The first one also opens tables and looks at statistics.
    await find();
    expect(await find()).toBeLessThanOrEqual(5);
    await runner.release();
  });

  it('go to the group or to the dead letters, never both or neither, when it comes as their time ends', async () => {
    const orders = numbered(900);
    await publishOrders(app, orders);
    await letPass(app.dataSource, UNROUTED_MS);
    const [taken] = await Promise.all([take('cards'), app.broker.sweep()]);
    await app.broker.sweep();
    const dead = (await app.broker.deadLetters.list({ limit: 1_000 })).map(({ bizId }) => bizId);
    expect([...taken, ...dead].sort()).toEqual(orders.sort());
    expect(await countRows(app.dataSource, 'parked')).toBe(0);
  });
});
