import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentRow, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows, tableSizes } from '../support/tables.js';
import { until } from '../support/until.js';
import { type Recording, record } from '../support/wire-recorder.js';

// Property: groups that finish the same messages at the same moment neither get in each other's way nor leave a message
// behind; and what was published in transactions that rolled back was never there.

@Injectable()
class Groups {
  @IdempotentConsumer(PaymentSucceeded, { group: 'plastic' })
  async print(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: delivery.group });
  }

  @IdempotentConsumer(PaymentSucceeded, { group: 'wallet' })
  async add(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: delivery.group });
  }
}

describe.each(engines)('two groups of one topic on %s', (engine) => {
  const COUNT = 500;
  let database: TestDatabase;
  let recording: Recording;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    recording = await record(database);
    app = await startApp(recording.database, {
      entities: [PaymentTable, CardTable],
      providers: [Groups],
      options: { roles: { sweep: false } },
    });
  });

  afterEach(async () => {
    await app.close();
    await recording.close();
    await database.drop();
  });

  it('finish 500 messages side by side, without a deadlock, an orphan or the sweeper’s help', async () => {
    const ids = Array.from({ length: COUNT }, (_, i) => `P-${i}`);
    await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
    const acknowledged = () => app.seen.filter(({ type }) => type === 'acknowledged').length;
    await until('all are acknowledged', () => acknowledged() === 2 * COUNT, {
      limitMs: 170_000,
      everyMs: 20,
    });
    await until('all messages are dropped', async () => (await countRows(app.dataSource, 'message')) === 0, {
      everyMs: 20,
    });
    expect(await tableSizes(app.dataSource)).toEqual({});
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(2 * COUNT);
    // Whoever meets a deadlock rolls back, and says so where a consumer was it.
    expect(recording.statements.filter(({ sql }) => sql === 'ROLLBACK')).toEqual([]);
    expect(recording.statements.filter(({ sql }) => sql === 'COMMIT').length).toBeGreaterThan(2 * COUNT);
    expect(app.seen.filter(({ type }) => type === 'given-back')).toEqual([]);
  }, 180_000);

  it('see nothing of transactions that rolled back, among those that commit beside them', async () => {
    const paid: string[] = [];
    const cashier = async (name: number) => {
      for (let i = 0; i < 25; i++) {
        const paymentId = `P-${name}-${i}`;
        const pay = app.dataSource.transaction(async (manager) => {
          await manager.insert(PaymentRow, { paymentId, amount: 100 });
          await app.outbox.publish(PaymentSucceeded, payment(paymentId), { manager });
          if ((name + i) % 2 === 0) throw new Error('the charge failed');
        });
        await pay.then(
          () => paid.push(paymentId),
          (error: Error) => expect(error.message).toBe('the charge failed'),
        );
      }
    };
    await Promise.all(Array.from({ length: 8 }, (_, name) => cashier(name)));
    expect(paid).toHaveLength(100);
    await app.events('acknowledged', 2 * paid.length);
    await until('all messages are dropped', async () => (await countRows(app.dataSource, 'message')) === 0);
    expect(await tableSizes(app.dataSource)).toEqual({});
    const cards = await app.dataSource.getRepository(CardRow).find();
    for (const group of ['plastic', 'wallet']) {
      const issued = cards.filter(({ issuedBy }) => issuedBy === group).map(({ paymentId }) => paymentId);
      expect(issued.sort()).toEqual(paid.sort());
    }
  });
});
