import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import {
  CardTable,
  type Payment,
  PaymentRow,
  PaymentSucceeded,
  PaymentTable,
  payment,
} from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { countRows } from '../support/tables.js';

@Injectable()
class CardIssuing {
  readonly issued: string[] = [];

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: Payment, _: DeliveryContext): Promise<void> {
    this.issued.push(paymentId);
  }
}

const entities = [PaymentTable, CardTable];
const sqlite = { leaveDataSourceAlone: true };

describe('a SQLite DataSource that is left as TypeORM made it', () => {
  let database: TestDatabase;
  let app: TestApp;
  let worker: TestApp | undefined;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
    app = await startApp(database, { entities, options: { sqlite } });
  });

  afterEach(async () => {
    await app.close();
    await worker?.close();
    worker = undefined;
    await database.drop();
  });

  it('keeps its one connection', async () => {
    expect(app.dataSource.createQueryRunner()).toBe(app.dataSource.createQueryRunner());
  });

  it('takes messages in its transactions, and they are gone when those roll back', async () => {
    const pay = (id: string, fails: boolean) =>
      app.dataSource.transaction(async (manager) => {
        await manager.insert(PaymentRow, { paymentId: id, amount: 1 });
        await app.outbox.publish(PaymentSucceeded, payment(id), { manager });
        if (fails) throw new Error('declined');
      });
    await pay('P-1', false);
    await expect(pay('P-2', true)).rejects.toThrow('declined');
    await app.outbox.publish(PaymentSucceeded, payment('P-3'), { standalone: true });
    expect(await countRows(app.dataSource, 'message')).toBe(2);
    expect(await app.dataSource.getRepository(PaymentRow).count()).toBe(1);
    worker = await startApp(database, { entities, providers: [CardIssuing] });
    await worker.events('acknowledged', 2);
    expect(worker.nest.get(CardIssuing).issued.sort()).toEqual(['P-1', 'P-3']);
  });

  it('may have consumers declared in a process that does not consume', async () => {
    worker = await startApp(database, {
      entities,
      providers: [CardIssuing],
      options: { sqlite, roles: { consume: false } },
    });
    await worker.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    expect(await countRows(worker.dataSource, 'message')).toBe(1);
  });
});
