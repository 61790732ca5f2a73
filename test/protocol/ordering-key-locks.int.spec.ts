import type { QueryRunner } from 'typeorm';
import type { TestApp } from '../support/app.js';
import {
  type Leased,
  type Subscribed,
  OrderPlaced,
  MINUTE_MS,
  bizIds,
  claimAlone,
  claimKeyed,
  publishUnder,
  recordOf,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { describeOnServers } from '../support/hostile.js';

// Property: who publishes under a key and has not committed holds up nothing of what is done with the messages before, and is
// held up by none of it. (On SQLite every writer waits for every other.)

describeOnServers('a publisher that does not commit, on %s,', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let cards: Subscribed;
  let publisher: QueryRunner;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startBroker(database);
    cards = await subscribe(app, 'cards');
    publisher = app.dataSource.createQueryRunner();
  });

  afterEach(async () => {
    await publisher.release();
    await app.close();
    await database.drop();
  });

  const publish = (orderId: string) =>
    app.outbox.publish(OrderPlaced, { orderId }, { manager: publisher.manager, orderingKey: 'a' });
  const next = async () => (await claimKeyed(app, cards)).deliveries as [Leased];

  it.each(['READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE'] as const)(
    'at %s, holds up no claim, ACK, renewal, failure, give-back, dead letter or requeue of its key',
    async (isolation) => {
      await publishUnder(app, 'a', ['a-1', 'a-2', 'a-3']);
      await publisher.startTransaction(isolation);
      await publish('a-4');
      const [first] = await next();
      expect(await app.broker.extend(cards, [first], MINUTE_MS)).toEqual([]);
      expect(await app.broker.retryLater(first, recordOf(first), 0)).toBe(true);
      const [again] = await next();
      expect(await app.broker.giveBack(again, 0)).toBe(true);
      const [third] = await next();
      expect(await app.broker.deadLetter(third, recordOf(third), 'rejected')).toBe(true);
      expect(await app.broker.deadLetters.requeue({ group: 'cards' })).toBe(1);
      const [requeued] = await next();
      await app.dataSource.query(
        'UPDATE mq_delivery_keyed SET available_at = 0 WHERE subscription_id = ? AND ordering_key = ? AND seq = ?',
        [cards.id, Buffer.from('a'), requeued.seq],
      );
      const alone = await claimAlone(app, cards, requeued.seq, MINUTE_MS, 'a');
      expect(alone).toMatchObject({ seq: requeued.seq, lostLeases: 1 });
      expect(await app.broker.acknowledge(alone!)).toBe(true);
      // And none of it holds up the publisher.
      await publish('a-5');
      await publisher.commitTransaction();
      const rest: string[] = [];
      for (let held = await next(); held.length > 0; held = await next()) {
        rest.push(...bizIds(held));
        for (const one of held) await app.broker.acknowledge(one);
      }
      expect(rest).toEqual(['a-2', 'a-3', 'a-4', 'a-5']);
    },
  );
});
