import type { QueryRunner } from 'typeorm';
import type { TestApp } from '../support/app.js';
import {
  type Subscribed,
  bizIds,
  claim,
  numbered,
  publishOrders,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { describeOnServers } from '../support/hostile.js';

// Property: a limit makes its own group's claims wait for each other, and nobody else. What waits for a lock that the
// test holds fails after the lock wait. (SQLite has one writer at a time.)

describeOnServers('the locks of limits on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let cards: Subscribed;
  let other: QueryRunner;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startBroker(database);
    cards = await subscribe(app, 'cards');
    other = app.dataSource.createQueryRunner();
    await other.startTransaction();
  });

  afterEach(async () => {
    await other.rollbackTransaction();
    await other.release();
    await app.close();
    await database.drop();
  });

  const limit = (group: string, concurrency: number | null) =>
    app.broker.groups.limit({ group }, { concurrency });

  const claimed = async (subscription: Subscribed, most = 100) => {
    await app.broker.poll(subscription, 0);
    return (await claim(app, subscription, { limit: most })).deliveries;
  };

  it('are in the way of no ACK, and wait for none that has not committed yet', async () => {
    await publishOrders(app, numbered(9));
    const [first, second] = await claimed(cards, 2);
    const ack = 'DELETE FROM mq_delivery WHERE subscription_id = ? AND seq = ?';
    await other.query(ack, [cards.id, first!.seq]);
    await limit('cards', 3);
    expect(bizIds(await claimed(cards))).toEqual(['O-3']);
    expect(await app.broker.acknowledge(second!)).toBe(true);
    expect(bizIds(await claimed(cards))).toEqual(['O-4']);
  });

  it('hold up neither a claim nor a change of another group’s', async () => {
    const sms = await subscribe(app, 'sms');
    const mail = await subscribe(app, 'mail');
    await publishOrders(app, numbered(5));
    await limit('cards', 1);
    await limit('mail', 2);
    await claimed(cards);
    await claimed(mail, 1);
    // A claim of the group that has come as far as it goes.
    await other.query("SELECT * FROM mq_group_limit WHERE group_name = 'cards' FOR UPDATE");
    await other.query("UPDATE mq_limited_lease SET token = '0123456789abcdef' WHERE group_name = 'cards'");
    expect(await claimed(sms)).toHaveLength(5);
    expect(await claimed(mail)).toHaveLength(1);
    await limit('mail', 3);
    expect(await claimed(mail)).toHaveLength(1);
    await limit('sms', 6);
    expect(await claimed(sms)).toEqual([]);
  });
});
