import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf, defineTopic } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { untilLockWaits } from '../support/lock-waits.js';
import { countRows, tableSizes } from '../support/tables.js';
import { until } from '../support/until.js';

// Property: of all messages with one biz-id one takes effect, however they meet; and no other biz-id pays for it.

const PaymentRefunded = defineTopic<Payment>({ name: 'payment.refunded', bizId: (paid) => paid.paymentId });

let beforeEffect: (paymentId: string) => Promise<void>;

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await beforeEffect(paid.paymentId);
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: 'payment' });
  }

  @IdempotentConsumer(PaymentRefunded, { group: 'card-issuing' })
  async revoke(refunded: PayloadOf<typeof PaymentRefunded>, delivery: DeliveryContext) {
    await delivery.manager.insert(CardRow, { paymentId: refunded.paymentId, issuedBy: 'refund' });
  }
}

describe.each(engines)('messages with one biz-id on %s', (engine) => {
  let database: TestDatabase;
  let apps: TestApp[];

  beforeEach(async () => {
    database = await createDatabase(engine);
    apps = [];
    beforeEffect = async () => undefined;
  });

  afterEach(async () => {
    await Promise.all(apps.map((app) => app.close()));
    await database.drop();
  });

  const start = async (consumers: { concurrency?: number; connections?: number } = {}): Promise<TestApp> => {
    const app = await startApp(database, {
      entities: [CardTable],
      providers: [CardIssuing],
      options: { consumers },
    });
    apps.push(app);
    return app;
  };
  const cards = async (app: TestApp) => {
    const rows = await app.dataSource.getRepository(CardRow).find({ order: { paymentId: 'ASC', id: 'ASC' } });
    return rows.map(({ paymentId }) => paymentId);
  };
  const seen = (type: string) => apps.flatMap((app) => app.seen.filter((event) => event.type === type));

  it('that meet in three sessions take effect once when the first one rolls back', async () => {
    const KEYS = 10;
    const ROUNDS = 3;
    const app = await start({ concurrency: 3 * KEYS, connections: 3 * KEYS });
    for (let round = 1; round <= ROUNDS; round++) {
      const ids = Array.from({ length: KEYS }, (_, key) => `P-${round}-${key}`);
      const first = new Set<string>();
      let rollBack!: () => void;
      const door = new Promise<void>((resolve) => (rollBack = resolve));
      beforeEffect = async (id) => {
        if (first.has(id)) return;
        first.add(id);
        await door;
        throw new Error('the first one rolls back');
      };
      const copies = [1, 2, 3].flatMap(() => ids.map(payment));
      await app.outbox.publishAll(PaymentSucceeded, copies, { standalone: true });
      await app.events('delivered', 3 * KEYS, ({ bizId }) => bizId.startsWith(`P-${round}-`));
      if (engine !== 'sqlite') await untilLockWaits(app.dataSource, 2 * KEYS);
      rollBack();
      await app.events('acknowledged', round * KEYS);
      await app.events('duplicate-absorbed', 2 * round * KEYS);
    }
    expect(await cards(app)).toEqual([...new Set(await cards(app))]);
    expect(await cards(app)).toHaveLength(KEYS * ROUNDS);
    // What deadlocked came again at no cost: each first one failed once, and nothing else ever did.
    const retries = app.seen.flatMap((event) => (event.type === 'retry-scheduled' ? [event] : []));
    expect(retries.map(({ bizId, failures }) => `${bizId} ${failures}`).sort()).toEqual(
      (await cards(app)).map((id) => `${id} 1`),
    );
    const deadlocks = app.seen.filter(
      (event) => event.type === 'given-back' && /deadlock/i.test(event.reason),
    ).length;
    // A round without one would not have shown anything. SQLite has one writer, and none to find; on PostgreSQL who
    // waits for a row holds nothing of it.
    if (engine !== 'sqlite' && engine !== 'postgres') expect(deadlocks).toBeGreaterThan(0);
  });

  it('take effect once each, 200 of them in 50 copies, over two apps with four workers each', async () => {
    const [left, right] = [await start({ concurrency: 4 }), await start({ concurrency: 4 })];
    const ids = Array.from({ length: 200 }, (_, i) => `P-${String(i).padStart(3, '0')}`);
    for (let part = 0; part < 5; part++) {
      // Each part has ten copies of all, in an order of its own.
      const copies = Array.from({ length: 10 }, (_, copy) => rotated(ids, 31 * (copy + 10 * part))).flat();
      await left.outbox.publishAll(PaymentSucceeded, copies.map(payment), { standalone: true });
    }
    const handled = () => seen('acknowledged').length + seen('duplicate-absorbed').length;
    await until('all are handled', () => handled() === 10_000, { limitMs: 560_000, everyMs: 100 });
    expect(seen('acknowledged')).toHaveLength(200);
    expect(await cards(left)).toEqual(ids);
    expect(seen('dead-lettered')).toEqual([]);
    for (const app of [left, right]) {
      expect(app.seen.filter(({ type }) => type === 'duplicate-absorbed').length).toBeGreaterThan(0);
    }
    await until('all messages are dropped', async () => (await countRows(left.dataSource, 'message')) === 0);
    expect(await tableSizes(left.dataSource)).toEqual({});
  }, 600_000);

  it('take effect each when they are of two topics of one group', async () => {
    const app = await start();
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await app.outbox.publish(PaymentRefunded, payment('P-1'), { standalone: true });
    await app.events('acknowledged', 2);
    const rows = await app.dataSource.getRepository(CardRow).find({ order: { issuedBy: 'ASC' } });
    expect(rows.map(({ paymentId, issuedBy }) => [paymentId, issuedBy])).toEqual([
      ['P-1', 'payment'],
      ['P-1', 'refund'],
    ]);
    expect(seen('duplicate-absorbed')).toEqual([]);
  });
});

function rotated<T>(list: readonly T[], by: number): T[] {
  const at = by % list.length;
  return [...list.slice(at), ...list.slice(0, at)];
}
