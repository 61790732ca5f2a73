import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { sqliteConnectionsOf } from '../../src/storage/index.js';
import { startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentRow, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';

/** What the README says of `sqlite: { leaveDataSourceAlone: true }`. */
const options = { sqlite: { leaveDataSourceAlone: true } };
const entities = [PaymentTable, CardTable];

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, { manager, group }: DeliveryContext) {
    await manager.insert(CardRow, { paymentId, issuedBy: group });
  }
}

describe('a SQLite DataSource that is left alone', () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
  });

  afterEach(async () => {
    await database.drop();
  });

  it('publishes in its transactions, and its message is had by another app', async () => {
    const sender = await startApp(database, { entities, options });
    await sender.dataSource.transaction(async (manager) => {
      await manager.insert(PaymentRow, { paymentId: 'P-1', amount: 1 });
      await sender.outbox.publish(PaymentSucceeded, payment('P-1'), { manager });
    });
    await expect(
      sender.dataSource.transaction(async (manager) => {
        await sender.outbox.publish(PaymentSucceeded, payment('P-2'), { manager });
        throw new Error('the charge failed');
      }),
    ).rejects.toThrow('the charge failed');
    expect(sqliteConnectionsOf(sender.dataSource)).toBeUndefined();
    await sender.close();
    const receiver = await startApp(database, { entities, providers: [CardIssuing] });
    await receiver.events('acknowledged');
    const cards = await receiver.dataSource.getRepository(CardRow).find();
    await receiver.close();
    expect(cards.map(({ paymentId }) => paymentId)).toEqual(['P-1']);
  });

  it('runs what IdempotentExecutor is given once, on a connection of the library’s own', async () => {
    const app = await startApp(database, { entities, options });
    const run = () =>
      app.executor.run({ scenario: 'top-up', bizId: 'T-1' }, async (manager) => {
        await manager.insert(CardRow, { paymentId: 'T-1', issuedBy: 'executor' });
        await app.outbox.publish(PaymentSucceeded, payment('T-1'));
      });
    const executed = [await run(), await run()].map((result) => result.executed);
    const cards = await app.dataSource.getRepository(CardRow).count();
    const messages = await app.dataSource.query('SELECT COUNT(*) AS n FROM mq_message');
    await app.close();
    expect({ executed, cards, messages }).toEqual({
      executed: [true, false],
      cards: 1,
      messages: [{ n: 1 }],
    });
  });

  it('refuses consumers at start', async () => {
    await expect(startApp(database, { entities, options, providers: [CardIssuing] })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    });
  });

  it('can’t be in memory, where there is one connection only', async () => {
    const inMemory = { ...database, options: { type: 'better-sqlite3', database: ':memory:' } as const };
    await expect(startApp(inMemory, { entities, options })).rejects.toThrow(/in memory has one connection/);
  });
});
