import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../src/index.js';
import { type TestApp, startApp } from './support/app.js';
import { CardRow, CardTable, PaymentRow, PaymentSucceeded, PaymentTable, payment } from './support/cards.js';
import { type TestDatabase, createDatabase, engines } from './support/engines.js';

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: delivery.group });
  }
}

describe.each(engines)('one payment, one card, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { entities: [PaymentTable, CardTable], providers: [CardIssuing] });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it('issues the card of a payment that committed, and the message is gone afterwards', async () => {
    await app.dataSource.transaction(async (manager) => {
      await manager.insert(PaymentRow, { paymentId: 'P-1', amount: 100 });
      await app.outbox.publish(PaymentSucceeded, payment('P-1'), { manager });
    });
    await app.events('acknowledged');
    await app.events('message-dropped');
    expect(await app.dataSource.getRepository(CardRow).find()).toEqual([
      { id: 1, paymentId: 'P-1', issuedBy: 'card-issuing' },
    ]);
    expect(await app.dataSource.query('SELECT COUNT(*) AS n FROM mq_message')).toEqual([
      { n: expect.anything() },
    ]);
    const [{ n }] = await app.dataSource.query('SELECT COUNT(*) AS n FROM mq_message');
    expect(Number(n)).toBe(0);
  });

  it('leaves no trace of a message whose transaction rolled back', async () => {
    await expect(
      app.dataSource.transaction(async (manager) => {
        await app.outbox.publish(PaymentSucceeded, payment('P-2'), { manager });
        throw new Error('the charge failed');
      }),
    ).rejects.toThrow('the charge failed');
    for (const table of ['mq_message', 'mq_delivery', 'mq_parked']) {
      const [{ n }] = await app.dataSource.query(`SELECT COUNT(*) AS n FROM ${table}`);
      expect(Number(n)).toBe(0);
    }
  });

  it('absorbs a second message of the same payment', async () => {
    for (const _ of [1, 2]) await app.outbox.publish(PaymentSucceeded, payment('P-3'), { standalone: true });
    await app.events('acknowledged');
    await app.events('duplicate-absorbed');
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(1);
  });
});
