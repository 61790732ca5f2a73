import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { startApp, type TestApp } from '../support/app.js';
import {
  type Order,
  OrderPlaced,
  type Subscribed,
  bizIds,
  claim,
  numbered,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows, letPass, tableSizes } from '../support/tables.js';

// Property: a message with a time is delivered when it has come, not before, and not when it is over.

const HOUR_MS = 3_600_000;

describe.each(engines)('messages with a time, on %s', (engine) => {
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

  const publish = (orderId: string, timing: object) =>
    app.outbox.publish(OrderPlaced, { orderId }, { standalone: true, ...timing });
  const cancel = (orderId: string) => app.outbox.cancel(OrderPlaced, orderId, { standalone: true });

  /** What the group is given now. */
  const due = async (subscription = cards) => {
    await app.broker.poll(subscription, 0);
    return bizIds((await claim(app, subscription)).deliveries);
  };

  it.each([
    ['delayMs', () => ({ delayMs: HOUR_MS })],
    ['deliverAt', () => ({ deliverAt: new Date(Date.now() + HOUR_MS) })],
  ])('are delivered after their %s, and not before', async (_, timing) => {
    await publish('later', timing());
    await publish('now', {});
    await publish('long ago', { deliverAt: new Date(0) });
    await publish('at once', { delayMs: 0 });
    expect((await due()).sort()).toEqual(['at once', 'long ago', 'now']);
    await letPass(app.dataSource, HOUR_MS - 60_000);
    expect(await due()).toEqual([]);
    await letPass(app.dataSource, 60_000);
    expect(await due()).toEqual(['later']);
  });

  it('are given to every group, to those that come late too, at their time', async () => {
    const topic = OrderPlaced.name;
    await app.broker.removeSubscription({ topic, group: 'cards', version: 1 });
    await publish('O-1', { delayMs: HOUR_MS });
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, parked: 1 });
    const [first, second] = [await subscribe(app, 'first'), await subscribe(app, 'second')];
    for (const group of [first, second]) expect(await due(group)).toEqual([]);
    await letPass(app.dataSource, HOUR_MS);
    for (const group of [first, second]) expect(await due(group)).toEqual(['O-1']);
  });

  it('are published by the thousand like others', async () => {
    const orders: Order[] = numbered(7_000).map((orderId) => ({ orderId }));
    await app.outbox.publishAll(OrderPlaced, orders, { standalone: true, delayMs: HOUR_MS });
    expect(await tableSizes(app.dataSource)).toEqual({ message: 7_000, waiting: 7_000 });
  });

  it('are gone with the transaction that published them', async () => {
    const failing = app.dataSource.transaction(async (manager) => {
      await app.outbox.publish(OrderPlaced, { orderId: 'O-1' }, { manager, delayMs: HOUR_MS });
      throw new Error('no funds');
    });
    await expect(failing).rejects.toThrow('no funds');
    expect(await tableSizes(app.dataSource)).toEqual({});
  });

  it('are cancelled by their biz-id as long as their time has not come, in every group and parked', async () => {
    await subscribe(app, 'sms');
    for (const id of ['O-1', 'O-1', 'O-2']) await publish(id, { delayMs: HOUR_MS });
    await publish('O-1', {});
    expect(await cancel('O-1')).toBe(2);
    expect(await cancel('O-1')).toBe(0);
    expect(await cancel('O-3')).toBe(0);
    expect(await due()).toEqual(['O-1']);
    await letPass(app.dataSource, HOUR_MS);
    expect(await cancel('O-2')).toBe(0);
    expect(await due()).toEqual(['O-2']);
  });

  it('are cancelled once by two at the same time, and also where nobody has subscribed', async () => {
    await app.broker.removeSubscription({ topic: OrderPlaced.name, group: 'cards', version: 1 });
    await publish('O-1', { delayMs: HOUR_MS });
    const counts = await Promise.all([cancel('O-1'), cancel('O-1')]);
    expect(counts.reduce((sum, n) => sum + n)).toBe(1);
    expect(await tableSizes(app.dataSource)).toEqual({});
  });

  it('are not cancelled where the transaction that cancels them rolls back', async () => {
    await publish('O-1', { delayMs: HOUR_MS });
    const failing = app.dataSource.transaction(async (manager) => {
      expect(await app.outbox.cancel(OrderPlaced, 'O-1', { manager })).toBe(1);
      throw new Error('no funds');
    });
    await expect(failing).rejects.toThrow('no funds');
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, waiting: 1 });
    await expect(app.outbox.cancel(OrderPlaced, 'O-1')).rejects.toMatchObject({
      code: 'TRANSACTION_REQUIRED',
    });
  });

  it('are refused where the time is nonsense', async () => {
    for (const [timing, message] of NONSENSE) await expect(publish('O-1', timing)).rejects.toThrow(message);
    expect(await tableSizes(app.dataSource)).toEqual({});
  });
});

const NONSENSE: [timing: object, message: string][] = [
  [
    { delayMs: 1, deliverAt: new Date() },
    'publish({ delayMs }) must be left out where deliverAt is given (got the number 1)',
  ],
  [{ delayMs: -1 }, 'publish({ delayMs }) must be a whole number from 0'],
  [{ delayMs: NaN }, 'publish({ delayMs }) must be a whole number from 0'],
  [{ delayMs: '5' }, 'publish({ delayMs }) must be a whole number from 0'],
  [{ delayMs: 1e15 }, 'publish({ delayMs }) must be a whole number from 0'],
  [{ deliverAt: 5 }, 'publish({ deliverAt }) must be a valid Date from 1970 to 2255'],
  [{ deliverAt: new Date(NaN) }, 'publish({ deliverAt }) must be a valid Date'],
  [{ deliverAt: new Date('9999-01-01') }, 'publish({ deliverAt }) must be a valid Date'],
  [{ expiresAt: '2026-01-01' }, 'publish({ expiresAt }) must be a valid Date'],
  [
    { delayMs: HOUR_MS, expiresAt: new Date(Date.now() + 1) },
    'publish({ expiresAt }) must be later than the delivery',
  ],
];

@Injectable()
class Otp {
  readonly sent: string[] = [];

  @IdempotentConsumer(OrderPlaced, { group: 'otp' })
  send({ orderId }: PayloadOf<typeof OrderPlaced>, _delivery: DeliveryContext): void {
    this.sent.push(orderId);
  }
}

describe.each(engines)('messages that expire, on %s', (engine) => {
  it('go to the dead letters when their time is over, and no handler runs; before that they are handled', async () => {
    const database = await createDatabase(engine);
    const app = await startApp(database, { providers: [Otp] });
    const publish = (orderId: string, expiresAt: Date) =>
      app.outbox.publish(OrderPlaced, { orderId }, { standalone: true, expiresAt });
    try {
      await publish('an hour old', new Date(Date.now() - HOUR_MS));
      await publish('fresh', new Date(Date.now() + HOUR_MS));
      const [dead] = await app.events('dead-lettered');
      expect(dead).toMatchObject({ reason: 'expired', bizId: 'an hour old', group: 'otp' });
      await app.events('acknowledged');
      expect(app.nest.get(Otp).sent).toEqual(['fresh']);
      expect(await countRows(app.dataSource, 'dedup')).toBe(1);
      const [letter] = await app.broker.deadLetters.list({ reason: 'expired' });
      expect(letter).toMatchObject({ bizId: 'an hour old', failures: 0 });
    } finally {
      await app.close();
      await database.drop();
    }
  });
});
