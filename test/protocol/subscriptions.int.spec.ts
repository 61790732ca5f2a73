import type { TestApp } from '../support/app.js';
import {
  type Subscribed,
  MINUTE_MS,
  OrderPlaced,
  bizIds,
  claim,
  numbered,
  publishOrders,
  recordOf,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows, letPass, tableSizes } from '../support/tables.js';
import { until } from '../support/until.js';

// Property: a group that was removed stays so until it asks for a higher version, and then begins with nothing of old.

describe.each(engines)('subscriptions on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startBroker(database);
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const cards = (version: number) => ({ topic: OrderPlaced.name, group: 'cards', version });

  /** One delivery in each table that a subscription can have some in. */
  async function oneInEachTable(subscription: Subscribed): Promise<void> {
    await publishOrders(app, numbered(3));
    const [first, second] = (await claim(app, subscription)).deliveries;
    await app.broker.retryLater(first!, recordOf(first!), MINUTE_MS);
    await app.broker.deadLetter(second!, recordOf(second!), 'failed');
    expect(await tableSizes(app.dataSource)).toEqual({ message: 3, delivery: 1, waiting: 1, dead_letter: 1 });
  }

  it('are made once when eight processes start at the same time', async () => {
    const made = await Promise.all(Array.from({ length: 8 }, () => subscribe(app, 'cards')));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
    expect(await countRows(app.dataSource, 'subscription')).toBe(1);
  });

  it('are removed with all their deliveries, whose messages the sweeper then deletes', async () => {
    await oneInEachTable(await subscribe(app, 'cards'));
    await app.broker.removeSubscription(cards(1));
    expect(await tableSizes(app.dataSource)).toEqual({ message: 3 });
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({});
  });

  it('refuse a late repeat of the version that was removed, and of older ones', async () => {
    await app.broker.subscribe(cards(2));
    await app.broker.removeSubscription(cards(2));
    for (const version of [1, 2]) {
      await expect(app.broker.subscribe(cards(version))).rejects.toMatchObject({
        code: 'SUBSCRIPTION_REMOVED',
        message: expect.stringContaining('subscriptionVersion: 3'),
      });
    }
    await publishOrders(app, ['O-1']);
    expect(await countRows(app.dataSource, 'delivery')).toBe(0);
  });

  it('come back at a higher version, with nothing of their former deliveries', async () => {
    const former = await subscribe(app, 'cards');
    await oneInEachTable(former);
    await app.broker.removeSubscription(cards(1));
    const current = await app.broker.subscribe(cards(2));
    await publishOrders(app, ['new']);
    await letPass(app.dataSource, MINUTE_MS);
    for (const subscription of [former, current]) await app.broker.poll(subscription, 0);
    expect(bizIds((await claim(app, current)).deliveries)).toEqual(['new']);
  });

  it('come back with nothing of old where the process that removed them died half-way', async () => {
    const former = await subscribe(app, 'cards');
    await oneInEachTable(former);
    await app.dataSource.query('UPDATE mq_subscription SET removed = 1');
    const current = await app.broker.subscribe(cards(2));
    await letPass(app.dataSource, MINUTE_MS);
    await app.broker.poll(current, 0);
    expect(await claim(app, current)).toMatchObject({ deliveries: [], suspects: [] });
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({});
  });

  it('keep what is published to them after they came back, while their former deliveries are still being deleted', async () => {
    await subscribe(app, 'cards');
    await publishOrders(app, numbered(3_000, 'old'));
    const removal = app.broker.removeSubscription(cards(1));
    await until(
      'the group is removed',
      async () => (await countRows(app.dataSource, 'subscription', 'removed = 1')) === 1,
    );
    const current = await app.broker.subscribe(cards(2));
    await publishOrders(app, numbered(50, 'new'));
    await removal;
    expect(bizIds((await claim(app, current)).deliveries)).toEqual(numbered(50, 'new'));
  });

  it('stay when a late repeat of an older removal comes', async () => {
    await subscribe(app, 'cards');
    await app.broker.removeSubscription(cards(1));
    const current = await app.broker.subscribe(cards(2));
    await publishOrders(app, ['O-1']);
    await expect(app.broker.removeSubscription(cards(1))).rejects.toThrow(
      /removeSubscription\(\{ version \}\) must be at least 2, .*nothing was removed.*got the number 1/,
    );
    expect(bizIds((await claim(app, current)).deliveries)).toEqual(['O-1']);
  });

  it('count up to the version that was asked for last, also when they were never removed', async () => {
    const first = await app.broker.subscribe(cards(1));
    const second = await app.broker.subscribe(cards(2));
    expect(second.id).toBe(first.id);
    await publishOrders(app, ['O-1']);
    await expect(app.broker.removeSubscription(cards(1))).rejects.toThrow('at least 2');
    expect(bizIds((await claim(app, second)).deliveries)).toEqual(['O-1']);
  });

  it('are given what was parked since they went, when they come back', async () => {
    await subscribe(app, 'cards');
    await app.broker.removeSubscription(cards(1));
    await publishOrders(app, ['meanwhile']);
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, parked: 1 });
    const current = await app.broker.subscribe(cards(2));
    expect(bizIds((await claim(app, current)).deliveries)).toEqual(['meanwhile']);
  });

  it('have what the sweeper finds of a removal that was left half done, deleted', async () => {
    await oneInEachTable(await subscribe(app, 'cards'));
    await app.dataSource.query('UPDATE mq_subscription SET removed = 1');
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({});
  });

  it('have what a process left that died while they came back, deleted by the sweeper', async () => {
    const { id } = await subscribe(app, 'cards');
    await oneInEachTable({ id, topic: OrderPlaced.name, group: 'cards' });
    await subscribe(app, 'sms');
    await publishOrders(app, ['kept']);
    await app.dataSource.query('DELETE FROM mq_subscription WHERE id = ?', [id]);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, delivery: 1 });
  });

  it('are removed with a count of what went with them, which is told once', async () => {
    await oneInEachTable(await subscribe(app, 'cards'));
    expect(await app.broker.removeSubscription(cards(1))).toEqual({ deliveries: 2, deadLetters: 1 });
    expect(await app.broker.removeSubscription(cards(1))).toEqual({ deliveries: 0, deadLetters: 0 });
    expect(app.seen.filter(({ type }) => type === 'group-removed')).toEqual([
      { type: 'group-removed', topic: OrderPlaced.name, group: 'cards', deliveries: 2, deadLetters: 1 },
    ]);
  });

  it('are given nothing of what is still being deleted after they were removed', async () => {
    const former = await subscribe(app, 'cards');
    await publishOrders(app, ['O-1']);
    await app.dataSource.query('UPDATE mq_subscription SET removed = 1');
    expect((await claim(app, former)).deliveries).toEqual([]);
    expect(await app.broker.poll(former, 0)).toMatchObject({ claimable: false, broughtBack: undefined });
  });

  it('that do not exist are not removed, and nothing is made for them', async () => {
    await subscribe(app, 'cards');
    for (const wrong of [{ topic: 'order.palced' }, { group: 'crads' }]) {
      const removal = app.broker.removeSubscription({ ...cards(1), ...wrong });
      await expect(removal).rejects.toThrow('There are: cards of order.placed');
    }
    expect(await app.broker.topics()).toMatchObject([{ topic: OrderPlaced.name }]);
  });

  it.each([
    [{ version: undefined }, '{ version }) must be a whole number from 1'],
    [{ version: 0 }, '{ version }) must be a whole number from 1'],
    [{ version: 1.5 }, '{ version }) must be a whole number from 1'],
    [{ version: '1' }, '{ version }) must be a whole number from 1'],
    [{ version: 2 ** 32 }, '{ version }) must be a whole number from 1'],
    [{ topic: '' }, '{ topic }) must be 1 to 200 ASCII letters'],
    [{ group: 'a b' }, '{ group }) must be 1 to 200 ASCII letters'],
    [{ gruop: 'cards' }, '{ gruop }) must be left out'],
  ])('are neither made nor removed with %j', async (wrong, message) => {
    for (const call of ['subscribe', 'removeSubscription'] as const) {
      const request = app.broker[call]({ ...cards(1), ...wrong } as never) as Promise<unknown>;
      await expect(request).rejects.toThrow(`${call}(${message}`);
    }
    expect(await countRows(app.dataSource, 'subscription')).toBe(0);
  });
});
