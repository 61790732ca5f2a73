import { type AnyTopic, defineTopic } from '../../src/index.js';
import type { TestApp } from '../support/app.js';
import { type Order, OrderPlaced, publishOrders, startBroker, subscribe } from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { untilLockWaits } from '../support/lock-waits.js';

// Property: a group receives every message whose publishing transaction commits after its `subscribe` has returned, and
// everything that is parked when it comes.

const ROUNDS = 12;
const PUBLISHERS = 6;
const TRANSACTIONS = 60;
/** After how many commits of a round the next group comes. */
const COMINGS = [8, 20, 32, 44];

describe.each(engines)('a group that comes while others publish on %s', (engine) => {
  // At READ COMMITTED an INSERT … SELECT locks nothing of what it reads, unless it is told to.
  const ISOLATION = engine === 'sqlite' ? [undefined] : (['READ COMMITTED', 'REPEATABLE READ'] as const);
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

  it('misses nothing that commits after it came, and nothing that is parked', async () => {
    await app.dataSource.query('CREATE TABLE business (id INTEGER)');
    let duringSubscribe = 0;
    let parked = 0;
    for (let round = 1; round <= ROUNDS; round++) {
      const topics = ['a', 'b'].map((which) => topicNamed(`round-${round}.${which}`));
      await app.broker.registerTopics(topics.map(({ name }) => name));
      const seen = await playRound(topics);
      for (const topic of topics) {
        const ofTopic = seen.commits.filter(({ topics: published }) => published.includes(topic.name));
        const committed = ofTopic.map(({ orderId }) => orderId);
        const parkedNow = await idsIn(
          'parked',
          `topic_id = (SELECT id FROM mq_topic WHERE name = ?)`,
          topic.name,
        );
        parked += parkedNow.length;
        for (const [i, group] of seen.groups.entries()) {
          const got = await deliveredTo(group.name, topic.name);
          const after = ofTopic.filter(({ sent }) => sent > group.came).map(({ orderId }) => orderId);
          expect(missing(got, after)).toEqual([]);
          expect(missing(got, parkedNow)).toEqual([]);
          expect(missing(committed, got)).toEqual([]);
          // The first one is given all, because what came before it found nobody.
          if (i === 0) expect(got.sort()).toEqual(committed.sort());
          duringSubscribe += ofTopic.filter(
            ({ sent, done }) => sent < group.came && done > group.asked,
          ).length;
        }
      }
    }
    // Or it has shown nothing.
    expect(duringSubscribe).toBeGreaterThan(0);
    expect(parked).toBeGreaterThan(0);
  });

  it('has to wait for a publisher that has read the groups and not committed', async () => {
    await subscribe(app, 'cards');
    const publisher = app.dataSource.createQueryRunner();
    await publisher.startTransaction(ISOLATION[0]);
    await app.outbox.publish(OrderPlaced, { orderId: 'O-1' }, { manager: publisher.manager });
    const order: string[] = [];
    const subscribed = subscribe(app, 'sms').then(() => order.push('the group is in'));
    if (engine !== 'sqlite') await untilLockWaits(app.dataSource, 1);
    order.push('the publisher commits');
    await publisher.commitTransaction();
    await publisher.release();
    await subscribed;
    expect(order).toEqual(['the publisher commits', 'the group is in']);
    await publishOrders(app, ['O-2']);
    expect(await deliveredTo('sms', OrderPlaced.name)).toEqual(['O-2']);
  });

  // On SQLite a writer waits in the queue of those who write.
  if (engine !== 'sqlite') {
    it('lets other publishers through while it waits for one that stays open', async () => {
      await subscribe(app, 'cards');
      const publisher = app.dataSource.createQueryRunner();
      await publisher.startTransaction();
      await app.outbox.publish(OrderPlaced, { orderId: 'O-1' }, { manager: publisher.manager });
      const subscribed = subscribe(app, 'sms');
      // It waits, gives way, and waits again.
      for (const waits of [1, 0, 1]) await untilLockWaits(app.dataSource, waits);
      await publishOrders(app, ['O-2']);
      await publisher.commitTransaction();
      await publisher.release();
      await subscribed;
      await publishOrders(app, ['O-3']);
      expect(await deliveredTo('sms', OrderPlaced.name)).toEqual(['O-3']);
    });
  }

  /** Transactions of random length on several connections, of which some roll back, while groups come one by one. */
  async function playRound(topics: AnyTopic[]) {
    // Counts what this process does, so it tells what came after what.
    let clock = 0;
    let begun = 0;
    const commits: { orderId: string; topics: string[]; sent: number; done: number }[] = [];
    const groups: { name: string; asked: number; came: number }[] = [];
    let called = 0;
    let coming = Promise.resolve();

    const come = async (name: string): Promise<void> => {
      const asked = ++clock;
      for (const { name: topic } of topics) await app.broker.subscribe({ topic, group: name, version: 1 });
      groups.push({ name, asked, came: ++clock });
    };
    const publisher = async (): Promise<void> => {
      const runner = app.dataSource.createQueryRunner();
      while (begun < TRANSACTIONS) {
        const orderId = `T-${++begun}`;
        const published = begun % 3 === 0 ? topics.slice().reverse() : [topics[begun % 2]!];
        await runner.startTransaction(ISOLATION[begun % ISOLATION.length]);
        let isRefused = false;
        for (const topic of published) {
          const publish = app.outbox.publish(topic, { orderId } satisfies Order, { manager: runner.manager });
          isRefused ||= await publish.then(() => false, isStale);
          if (isRefused) break;
          await doBusiness(Math.random() * 8);
        }
        if (isRefused || Math.random() < 0.15) {
          await runner.rollbackTransaction();
          continue;
        }
        const sent = ++clock;
        await runner.commitTransaction();
        commits.push({ orderId, topics: published.map(({ name }) => name), sent, done: ++clock });
        if (commits.length === COMINGS[called]) {
          const name = `group-${++called}`;
          coming = coming.then(() => come(name));
        }
      }
      await runner.release();

      async function doBusiness(statements: number): Promise<void> {
        for (let i = 0; i < statements; i++) await runner.query('INSERT INTO business (id) VALUES (1)');
      }
    };
    await Promise.all(Array.from({ length: PUBLISHERS }, publisher));
    await coming;
    return { commits, groups };
  }

  const deliveredTo = (group: string, topic: string): Promise<string[]> =>
    idsIn(
      'delivery',
      `subscription_id = (SELECT s.id FROM mq_subscription s JOIN mq_topic t ON t.id = s.topic_id
                          WHERE s.group_name = ? AND t.name = ?)`,
      group,
      topic,
    );

  async function idsIn(table: string, where: string, ...names: string[]): Promise<string[]> {
    const rows: { biz_id: Buffer }[] = await app.dataSource.query(
      `SELECT m.biz_id FROM mq_message m WHERE m.seq IN (SELECT seq FROM mq_${table} WHERE ${where}) ORDER BY m.seq`,
      names.map((name) => Buffer.from(name)),
    );
    return rows.map((row) => row.biz_id.toString());
  }
});

/** On PostgreSQL a snapshot that is too old to see a group is refused the topic. */
function isStale(error: unknown): boolean {
  if ((error as { driverError?: { code?: string } }).driverError?.code !== '40001') throw error;
  return true;
}

function topicNamed(name: string): AnyTopic {
  return defineTopic<Order>({ name, bizId: ({ orderId }) => orderId });
}

/** What of `wanted` is not in `all`. */
function missing(all: readonly string[], wanted: readonly string[]): string[] {
  const there = new Set(all);
  return wanted.filter((one) => !there.has(one));
}
