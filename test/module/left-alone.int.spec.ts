import { Injectable, Logger } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import { sqliteConnectionsOf } from '../../src/storage/index.js';
import { type AppParts, type TestApp, startApp } from '../support/app.js';
import {
  CardRow,
  CardTable,
  type Payment,
  PaymentRow,
  PaymentSucceeded,
  PaymentTable,
  payment,
} from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { countRows } from '../support/tables.js';

// Property: with `sqlite: { leaveDataSourceAlone: true }` the app's DataSource stays as TypeORM made it. Publishing and
// IdempotentExecutor keep their promises then, and what could not keep its own is refused at start.

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: Payment, { manager, group }: DeliveryContext): Promise<void> {
    await manager.insert(CardRow, { paymentId, issuedBy: group });
  }
}

const entities = [PaymentTable, CardTable];
const sqlite = { leaveDataSourceAlone: true };
const durable = {
  prepareDatabase: (handle: { pragma(source: string): void }) => handle.pragma('synchronous = FULL'),
};

describe('a SQLite DataSource that is left as TypeORM made it', () => {
  let database: TestDatabase;
  let app: TestApp;
  let worker: TestApp | undefined;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
    app = await startLeftAlone();
  });

  afterEach(async () => {
    await app.close();
    await worker?.close();
    worker = undefined;
    await database.drop();
  });

  const startLeftAlone = ({ options, ...parts }: AppParts = {}) =>
    startApp(database, { entities, dataSource: durable, ...parts, options: { sqlite, ...options } });

  it('keeps its one connection', async () => {
    expect(sqliteConnectionsOf(app.dataSource)).toBeUndefined();
    expect(app.dataSource.createQueryRunner()).toBe(app.dataSource.createQueryRunner());
  });

  it('takes messages in its transactions, which another app has, and they are gone when those roll back', async () => {
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
    const cards = await worker.dataSource.getRepository(CardRow).find();
    expect(cards.map(({ paymentId }) => paymentId).sort()).toEqual(['P-1', 'P-3']);
  });

  it('has what IdempotentExecutor is given run once, on a connection of the library’s own', async () => {
    const run = () =>
      app.executor.run({ scenario: 'top-up', bizId: 'T-1' }, async (manager) => {
        await manager.insert(CardRow, { paymentId: 'T-1', issuedBy: 'executor' });
        await app.outbox.publish(PaymentSucceeded, payment('T-1'));
      });
    expect([await run(), await run()].map(({ executed }) => executed)).toEqual([true, false]);
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(1);
    expect(await countRows(app.dataSource, 'message')).toBe(1);
  });

  it('may have consumers declared in a process that does not consume', async () => {
    worker = await startLeftAlone({ providers: [CardIssuing], options: { roles: { consume: false } } });
    await worker.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    expect(await countRows(worker.dataSource, 'message')).toBe(1);
  });

  it('is refused, with consumers, in a process that consumes', async () => {
    await expect(startLeftAlone({ providers: [CardIssuing] })).rejects.toMatchObject({
      code: 'OPTIONS_INVALID',
    });
  });

  it('is refused in memory, where there is one connection only', async () => {
    const inMemory = { ...database, options: { type: 'better-sqlite3', database: ':memory:' } as const };
    await expect(startApp(inMemory, { entities, options: { sqlite } })).rejects.toThrow(
      /in memory has one connection/,
    );
  });

  it('is refused, or warned of, where its own connection may lose a commit', async () => {
    const asMade = { dataSource: {} };
    await expect(startLeftAlone(asMade)).rejects.toMatchObject({
      code: 'NOT_DURABLE',
      message: expect.stringMatching(/synchronous must be FULL .*\(it is NORMAL\).*prepareDatabase/),
    });
    const warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
    worker = await startLeftAlone({ ...asMade, options: { durability: 'warn' } });
    expect(warned.mock.calls.flat().join()).toContain('synchronous must be FULL');
    warned.mockRestore();
  });
});
