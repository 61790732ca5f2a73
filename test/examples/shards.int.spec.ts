import { Test } from '@nestjs/testing';
import { getDataSourceToken } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { Card, Payment } from '../../examples/readme/entities.js';
import { PaymentSucceeded } from '../../examples/readme/payment-succeeded.js';
import { Payments, SHARDS, ShardedShop, shardOf } from '../../examples/scaling/shards.js';
import { type OutboxPublisher, getOutboxPublisherToken } from '../../src/index.js';
import { listen } from '../module/support/start-modules.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

// Property: where the business is sharded, each shard has its payments, their messages, dedup rows and cards, and no other's.

const USERS = Array.from({ length: 8 }, (_, i) => `u-${i}`);

describe.each(engines)('a business on two databases, on %s', (engine) => {
  const databases = new Map<string, TestDatabase>();

  beforeEach(async () => {
    for (const shard of SHARDS) databases.set(shard, await createDatabase(engine));
  });

  afterEach(async () => {
    for (const database of databases.values()) await database.drop();
  });

  /** The example's module to the letter, but for the databases. */
  const start = async () => {
    const building = Test.createTestingModule({ imports: [ShardedShop] });
    for (const shard of SHARDS) {
      building.overrideProvider(getDataSourceToken(shard)).useFactory({
        factory: () =>
          new DataSource({
            ...databases.get(shard)!.options,
            entities: [Payment, Card],
            synchronize: true,
          }).initialize(),
      });
    }
    return (await building.compile()).init();
  };

  it('issues each card beside its payment, and one for a payment that is announced twice', async () => {
    const app = await start();
    try {
      const heard = SHARDS.map((shard) => listen(app, shard));
      const usersOf = (shard: string) => USERS.filter((user) => shardOf(user) === shard);
      expect(SHARDS.map((shard) => usersOf(shard).length)).not.toContain(0);
      for (const user of USERS) await app.get(Payments).charge(`P-${user}`, user, 900);
      for (const shard of SHARDS) {
        const [userId = ''] = usersOf(shard);
        const outbox = app.get<OutboxPublisher>(getOutboxPublisherToken(shard), { strict: false });
        await outbox.publish(
          PaymentSucceeded,
          { paymentId: `P-${userId}`, userId, amount: 900 },
          { standalone: true },
        );
      }
      await Promise.all(SHARDS.map((shard, i) => heard[i]!('acknowledged', usersOf(shard).length)));
      await Promise.all(heard.map((on) => on('duplicate-absorbed')));
      for (const shard of SHARDS) {
        const dataSource = app.get<DataSource>(getDataSourceToken(shard), { strict: false });
        const cards = await dataSource.getRepository(Card).find();
        expect(cards.map(({ userId }) => userId).sort()).toEqual(usersOf(shard));
      }
    } finally {
      await app.close();
    }
  });
});
