import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import {
  AtLeastOnceConsumer,
  type AtLeastOnceDelivery,
  DeliveryContext,
  IdempotentConsumer,
  KnownDedupEntity,
  type PayloadOf,
  idempotentMqEntities,
} from '../../src/index.js';
import { connect } from '../schema/support/tables-of.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { logLines } from '../support/log-lines.js';
import { type TestService, startService } from '../support/service.js';

// Property: consumers of one group that deduplicate in two databases are noticed, whoever of them comes later, and nobody
// is kept from consuming for it.

type Paid = PayloadOf<typeof PaymentSucceeded>;

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Paid, { manager, group }: DeliveryContext): Promise<void> {
    await manager.insert(CardRow, { paymentId, issuedBy: group });
  }
}

@Injectable()
class CardsThatCameBack {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', subscriptionVersion: 2 })
  async issue({ paymentId }: Paid, { manager, group }: DeliveryContext): Promise<void> {
    await manager.insert(CardRow, { paymentId, issuedBy: group });
  }
}

@Injectable()
class Mail {
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'cards' })
  send(_: Paid, delivery: AtLeastOnceDelivery) {
    return delivery.ack();
  }
}

const CARDS = { topic: PaymentSucceeded.name, group: 'cards', version: 1 };
const shapes = ['reached by its database', 'a service'] as const;
const cases = engines.flatMap((engine) => shapes.map((shape) => ({ engine, shape })));

describe.each(cases)(
  'the databases that a group deduplicates in, on $engine, the broker $shape,',
  (setting) => {
    const { engine, shape } = setting;
    let broker: TestDatabase;
    let service: TestService;
    let here: TestDatabase;
    let there: TestDatabase;
    let log: string[];

    beforeEach(async () => {
      log = logLines();
      [broker, here, there] = [
        await createDatabase(engine),
        await createDatabase(engine),
        await createDatabase(engine),
      ];
      service = await startService(broker);
    });

    afterEach(async () => {
      jest.restoreAllMocks();
      await service.close();
      for (const database of [broker, here, there]) await database.drop();
    });

    const start = (database: TestDatabase, provider: new () => unknown = Cards): Promise<TestApp> =>
      startApp(database, {
        entities: [CardTable],
        providers: [provider],
        options: { broker: shape === 'a service' ? { url: service.url } : { dataSource: broker.options } },
      });

    /** Starts a process that deduplicates there, and stops it. @returns what it noticed */
    async function release(database: TestDatabase, provider: new () => unknown = Cards) {
      const app = await start(database, provider);
      const changes = app.seen.filter((event) => event.type === 'dedup-database-changed');
      await app.close();
      return changes;
    }

    async function onDatabase<T>(database: TestDatabase, sql: string, values: unknown[] = []): Promise<T[]> {
      const dataSource = await connect(database);
      return dataSource.query<T[]>(sql, values).finally(() => dataSource.destroy());
    }

    async function originOf(database: TestDatabase): Promise<Buffer> {
      const [row] = await onDatabase<{ origin: Buffer }>(database, 'SELECT origin FROM mq_outbox_origin');
      return row!.origin;
    }

    const warnings = () => log.filter((line) => line.startsWith('warn: Group cards of payment.succeeded'));

    const hexOf = async (database: TestDatabase) => (await originOf(database)).toString('hex').toUpperCase();

    it('are not told of as long as there is one', async () => {
      expect(await release(here)).toEqual([]);
      expect(await release(here)).toEqual([]);
      const both = [await start(here), await start(here)];
      for (const app of both) {
        expect(app.seen.filter(({ type }) => type === 'dedup-database-changed')).toEqual([]);
        await app.close();
      }
      expect(warnings()).toEqual([]);
    });

    it('are told of once a change, with both and what to do, and the consumer works', async () => {
      await release(here);
      const app = await start(there);
      const [change, ...more] = app.seen.filter(({ type }) => type === 'dedup-database-changed');
      expect(more).toEqual([]);
      expect(change).toEqual({
        type: 'dedup-database-changed',
        topic: PaymentSucceeded.name,
        group: 'cards',
        was: await hexOf(here),
        now: await hexOf(there),
        lastSeenAt: expect.any(Date),
      });
      const { lastSeenAt } = change as { lastSeenAt: Date };
      expect(Math.abs(Date.now() - lastSeenAt.getTime())).toBeLessThan(60_000);
      await app.outbox.publish(
        PaymentSucceeded,
        { paymentId: 'P-1', userId: 'u-1', amount: 9 },
        { standalone: true },
      );
      await app.events('acknowledged');
      await app.close();
      const lines = warnings();
      expect(lines).toHaveLength(1);
      for (const part of [await hexOf(here), await hexOf(there), 'A group in two databases'])
        expect(lines[0]).toContain(part);
      expect(await release(there)).toEqual([]);
      expect(await release(here)).toMatchObject([{ was: await hexOf(there), now: await hexOf(here) }]);
    });

    it('are one where a copy took the place of the other', async () => {
      await release(here);
      await (await start(there, Mail)).close();
      await onDatabase(there, 'UPDATE mq_outbox_origin SET origin = ?, broker = NULL', [
        await originOf(here),
      ]);
      expect(await release(there)).toEqual([]);
    });

    it('know of what took effect in the other one when its dedup rows are added afterwards', async () => {
      const paid = { paymentId: 'P-1', userId: 'u-1', amount: 9 };
      const before = await start(here);
      await before.outbox.publish(PaymentSucceeded, paid, { standalone: true });
      await before.events('acknowledged');
      await before.close();
      await release(there);
      // As docs/operations.md says: by the name of their scenario, and of no source.
      const rows = await onDatabase<Record<string, unknown>>(
        here,
        'SELECT s.name, d.* FROM mq_dedup d JOIN mq_scenario s ON s.id = d.scenario_id',
      );
      expect(rows).toHaveLength(1);
      const { name, biz_id, token, seq, created_at, fingerprint, result } = rows[0]!;
      await onDatabase(
        there,
        `INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, source_id, created_at, fingerprint, result)
       SELECT id, ?, ?, ?, 0, ?, ?, ? FROM mq_scenario WHERE name = ?`,
        [biz_id, token, seq, created_at, fingerprint, result, name],
      );
      const after = await start(there);
      await after.outbox.publish(PaymentSucceeded, paid, { standalone: true });
      await after.events('duplicate-absorbed');
      expect(await after.dataSource.getRepository(CardRow).count()).toBe(0);
      await after.close();
    });

    it('are none where its consumer does not deduplicate', async () => {
      expect(await release(here, Mail)).toEqual([]);
      expect(await release(there, Mail)).toEqual([]);
      expect(await onDatabase(broker, 'SELECT * FROM mq_known_dedup')).toEqual([]);
    });

    it('are forgotten with the group', async () => {
      await release(here);
      const dataSource = await connect(broker, {
        entities: idempotentMqEntities(engine === 'sqlite' ? 'better-sqlite3' : engine),
      });
      const known = dataSource.getRepository(KnownDedupEntity);
      const [one] = await known.find();
      expect(one!.origin.equals(await originOf(here))).toBe(true);
      expect(one!.seenAt).toMatch(/^\d{16}$/);
      await service.broker.removeSubscription(CARDS);
      expect(await known.count()).toBe(0);
      await dataSource.destroy();
      expect(await release(there, CardsThatCameBack)).toEqual([]);
    });
  },
);

describe.each(engines)('who subscribes at the same moment, on %s,', (engine) => {
  const PROCESSES = 6;
  let database: TestDatabase;
  let service: TestService;
  let [one, other]: [Buffer, Buffer] = [randomBytes(16), randomBytes(16)];

  beforeEach(async () => {
    [one, other] = [randomBytes(16), randomBytes(16)];
    database = await createDatabase(engine);
    service = await startService(database);
    await service.broker.subscribe(CARDS);
  });

  afterEach(async () => {
    await service.close();
    await database.drop();
  });

  const subscribeAll = (dedups: readonly Buffer[]) =>
    Promise.all(dedups.map((dedup) => service.broker.subscribe({ ...CARDS, dedup })));
  const told = (answers: Awaited<ReturnType<typeof subscribeAll>>) =>
    answers.flatMap(({ otherDedup }) => otherDedup?.dedup ?? []);

  it.each([
    ['is new', () => Promise.resolve()],
    // Then it is an UPDATE, which no key keeps from being done twice.
    ['was there before', () => service.broker.subscribe({ ...CARDS, dedup: other })],
  ])('with one database, which %s, is told of the former one by one of them', async (_, before) => {
    await before();
    await service.broker.subscribe({ ...CARDS, dedup: one });
    expect(told(await subscribeAll(Array<Buffer>(PROCESSES).fill(other)))).toEqual([one]);
  });

  it('with two databases, both new, has one at least told of the other', async () => {
    const answers = told(await subscribeAll([one, other]));
    expect(answers.length).toBeGreaterThan(0);
    // Whoever is told is told of the other one: each at most once.
    expect(new Set(answers.map((dedup) => dedup.toString('hex'))).size).toBe(answers.length);
  });

  it('names a database by 16 bytes', async () => {
    await expect(service.broker.subscribe({ ...CARDS, dedup: randomBytes(15) })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('subscribe({ dedup })'),
    });
  });
});
