import type { QueryRunner } from 'typeorm';
import type { TestApp } from '../support/app.js';
import {
  OrderPlaced,
  type Subscribed,
  bizIds,
  claim,
  numbered,
  publishOrders,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { describeOnServers } from '../support/hostile.js';
import { untilLockWaits } from '../support/lock-waits.js';
import { letPass, tableSizes } from '../support/tables.js';

// Property: a cancel takes back what is scheduled, whenever it was published, and stands in nobody's way.

const HOUR_MS = 3_600_000;

describe.each(engines)('a cancel on %s', (engine) => {
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

  const schedule = (orderId: string) =>
    app.outbox.publish(OrderPlaced, { orderId }, { standalone: true, delayMs: HOUR_MS });

  it('finds what its own transaction has scheduled', async () => {
    await app.dataSource.transaction(async (manager) => {
      await app.outbox.publish(OrderPlaced, { orderId: 'O-1' }, { manager, delayMs: HOUR_MS });
      expect(await app.outbox.cancel(OrderPlaced, 'O-1', { manager })).toBe(1);
      expect(await app.outbox.cancel(OrderPlaced, 'O-1', { manager })).toBe(0);
    });
    expect(await tableSizes(app.dataSource)).toEqual({});
  });

  it('leaves a failed delivery alone whose time has come before, and which waits to be tried again', async () => {
    await schedule('O-1');
    await letPass(app.dataSource, HOUR_MS);
    await app.broker.poll(cards, 0);
    const [held] = (await claim(app, cards)).deliveries;
    await app.broker.retryLater(held!, { failures: 1, lostLeases: 0, errors: null }, HOUR_MS);
    expect(await app.outbox.cancel(OrderPlaced, 'O-1', { standalone: true })).toBe(0);
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, waiting: 1 });
  });

  it('takes a message back from groups that came after it was published, and from those to come', async () => {
    await app.broker.removeSubscription({ topic: OrderPlaced.name, group: 'cards', version: 1 });
    await schedule('O-1');
    const late = await subscribe(app, 'late');
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, waiting: 1, parked: 1 });
    expect(await app.outbox.cancel(OrderPlaced, 'O-1', { standalone: true })).toBe(1);
    const later = await subscribe(app, 'later');
    await letPass(app.dataSource, HOUR_MS);
    for (const group of [late, later]) {
      await app.broker.poll(group, 0);
      expect(bizIds((await claim(app, group)).deliveries)).toEqual([]);
    }
    expect(await tableSizes(app.dataSource)).toEqual({});
  });
});

// On SQLite a transaction that writes has the file to itself.
describeOnServers('a cancel in an open transaction on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let runner: QueryRunner;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startBroker(database);
    await subscribe(app, 'cards');
    await subscribe(app, 'other', 'other.topic');
    runner = app.dataSource.createQueryRunner();
    await runner.connect();
  });

  afterEach(async () => {
    if (runner.isTransactionActive) await runner.rollbackTransaction();
    await runner.release();
    await app.close();
    await database.drop();
  });

  const schedule = (orderId: string) =>
    app.outbox.publish(OrderPlaced, { orderId }, { standalone: true, delayMs: HOUR_MS });
  const cancel = (orderId: string) => app.outbox.cancel(OrderPlaced, orderId, { manager: runner.manager });

  /** Whoever waits for a lock gives up within a second. */
  const impatient = async (work: (other: QueryRunner) => Promise<unknown>) => {
    const other = app.dataSource.createQueryRunner();
    try {
      await other.query('SET SESSION innodb_lock_wait_timeout = 1');
      await other.startTransaction();
      await work(other);
      await other.commitTransaction();
    } finally {
      if (other.isTransactionActive) await other.rollbackTransaction();
      await other.query('SET SESSION innodb_lock_wait_timeout = DEFAULT');
      await other.release();
    }
  };

  it.each(['REPEATABLE READ', 'READ COMMITTED'] as const)(
    'holds nobody up who publishes or cancels something else, at %s',
    async (isolation) => {
      for (const id of ['O-1', 'O-2', 'O-3']) await schedule(id);
      await runner.startTransaction(isolation);
      expect(await cancel('O-2')).toBe(1);
      await impatient(async ({ manager }) => {
        await app.outbox.publish(OrderPlaced, { orderId: 'now' }, { manager });
        await app.outbox.publish(OrderPlaced, { orderId: 'later' }, { manager, delayMs: HOUR_MS });
        await app.outbox.publish(OrderPlaced, { orderId: 'sooner' }, { manager, delayMs: 1_000 });
        await app.outbox.publish(
          { ...OrderPlaced, name: 'other.topic' },
          { orderId: 'another topic' },
          { manager },
        );
        expect(await app.outbox.cancel(OrderPlaced, 'O-1', { manager })).toBe(1);
        expect(await app.outbox.cancel(OrderPlaced, 'O-3', { manager })).toBe(1);
      });
      await runner.commitTransaction();
      expect(await tableSizes(app.dataSource)).toEqual({ message: 4, delivery: 2, waiting: 2 });
    },
  );

  it('never meets another one crosswise, when both cancel one message and publish one', async () => {
    for (const i of numbered(20)) {
      await Promise.all([schedule(`X-${i}`), schedule(`Y-${i}`)]);
      const pair = [`X-${i}`, `Y-${i}`].map((orderId) =>
        app.dataSource.transaction(async (manager) => {
          expect(await app.outbox.cancel(OrderPlaced, orderId, { manager })).toBe(1);
          await app.outbox.publish(OrderPlaced, { orderId: `paid-${orderId}` }, { manager });
        }),
      );
      await Promise.all(pair);
    }
  });

  it('sees what was scheduled after the snapshot of its transaction was taken', async () => {
    await runner.startTransaction('REPEATABLE READ');
    await runner.query('SELECT COUNT(*) FROM mq_message');
    await schedule('O-1');
    expect(await cancel('O-1')).toBe(1);
    await runner.commitTransaction();
    expect(await tableSizes(app.dataSource)).toEqual({});
  });

  it('keeps a group from what was parked that subscribes between its statements', async () => {
    const topic = { ...OrderPlaced, name: 'new.topic' };
    const { manager } = runner;
    await app.outbox.publish(topic, { orderId: 'O-1' }, { standalone: true, delayMs: HOUR_MS });
    let subscribing: Promise<Subscribed> | undefined;
    const query = runner.query.bind(runner) as (sql: string, ...rest: unknown[]) => Promise<unknown>;
    const meddling = async (sql: string, ...rest: unknown[]) => {
      if (/^DELETE/.test(sql) && !subscribing) {
        subscribing = subscribe(app, 'first', topic.name);
        await Promise.race([subscribing, untilLockWaits(app.dataSource, 1)]);
      }
      return query(sql, ...rest);
    };
    Object.assign(runner, { query: meddling });
    await runner.startTransaction();
    expect(await app.outbox.cancel(topic, 'O-1', { manager })).toBe(1);
    // Which takes the lock that the group waits for, once more.
    await app.outbox.publish(topic, { orderId: 'O-2' }, { manager });
    await runner.commitTransaction();
    const group = await subscribing!;
    await letPass(app.dataSource, HOUR_MS);
    await app.broker.poll(group, 0);
    expect(bizIds((await claim(app, group)).deliveries)).toEqual(['O-2']);
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, delivery: 1, parked: 1 });
  });

  it.each([
    'sql_safe_updates = 1',
    'sql_select_limit = 1',
    "sql_mode = 'ANSI'",
    "sql_mode = 'TRADITIONAL,NO_BACKSLASH_ESCAPES,NO_UNSIGNED_SUBTRACTION,PAD_CHAR_TO_FULL_LENGTH'",
    ...(engine === 'mariadb' ? ["sql_mode = 'ORACLE'", "sql_mode = 'EMPTY_STRING_IS_NULL'"] : []),
    "time_zone = '-11:00'",
    'timestamp = 1000000000',
    'timestamp = 2000000000',
    'autocommit = 0',
  ])('works in a session with %s, and so does a publish', async (setting) => {
    await publishOrders(app, ['another one']);
    for (const id of ['O-1', 'O-1', 'O-2']) await schedule(id);
    await runner.query(`SET SESSION ${setting}`);
    await runner.startTransaction();
    expect(await cancel('O-1')).toBe(2);
    await app.outbox.publish(OrderPlaced, { orderId: 'O-3' }, { manager: runner.manager, delayMs: HOUR_MS });
    const two = [{ orderId: 'O-4' }, { orderId: 'O-5' }];
    await app.outbox.publishAll(OrderPlaced, two, { manager: runner.manager });
    await runner.commitTransaction();
    ((await runner.connect()) as { destroy(): void }).destroy();
    expect(await tableSizes(app.dataSource)).toEqual({ message: 5, delivery: 3, waiting: 2 });
  });
});
