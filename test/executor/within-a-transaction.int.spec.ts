import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, IdempotentExecutor } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows } from '../support/tables.js';

// Property: work that joins a transaction stands or falls with its own dedup row, and is never taken for a repeat of
// what is still under way around it.

const SCENARIO = 'issue-card';

/** A service that protects itself, and is called by a handler that has the same scenario. */
@Injectable()
class CardIssuing {
  constructor(private readonly once: IdempotentExecutor) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', scenario: SCENARIO, retry: { attempts: 2 } })
  async issue({ paymentId }: Payment, delivery: DeliveryContext): Promise<void> {
    const bizId = paymentId.replace('other-', '');
    await this.once.run({ scenario: SCENARIO, bizId }, async (manager) => {
      await manager.insert(CardRow, { paymentId, issuedBy: delivery.group });
    });
  }
}

describe.each(engines)('an executor inside of another transaction, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeAll(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { entities: [CardTable], providers: [CardIssuing] });
  });

  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  const cards = (paymentId: string) => app.dataSource.getRepository(CardRow).countBy({ paymentId });
  const dedupRows = (bizId: string) =>
    countRows(app.dataSource, 'dedup', `biz_id = x'${Buffer.from(bizId).toString('hex')}'`);

  it('that is a consumer’s with the same scenario and biz-id fails with it, and skips no work', async () => {
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    const [dead] = await app.events('dead-lettered', 1, ({ bizId }) => bizId === 'P-1');
    expect(dead).toMatchObject({ reason: 'failed', error: expect.stringContaining('biz-id P-1') });
    expect([await cards('P-1'), await dedupRows('P-1')]).toEqual([0, 0]);
  });

  it('that is a consumer’s with the same scenario and another biz-id takes effect with it', async () => {
    await app.outbox.publish(PaymentSucceeded, payment('other-P-2'), { standalone: true });
    await app.events('acknowledged', 1, ({ bizId }) => bizId === 'other-P-2');
    expect(await cards('other-P-2')).toBe(1);
  });

  it.each([
    ['goes back to the savepoint before its dedup row', ['ROLLBACK TO SAVEPOINT typeorm_1']],
    ['goes back there and releases it', ['ROLLBACK TO SAVEPOINT typeorm_1', 'RELEASE SAVEPOINT typeorm_1']],
  ])('rolls back all of it where its work %s, also when the error is swallowed', async (_, statements) => {
    const id = `S-${statements.length}`;
    const inner = () =>
      app.executor.run({ scenario: 'inner', bizId: id }, async (manager) => {
        for (const statement of statements) await manager.query(statement);
        await manager.insert(CardRow, { paymentId: id, issuedBy: 'inner' });
      });
    const outer = app.executor.run({ scenario: 'outer', bizId: id }, async (manager) => {
      await manager.insert(CardRow, { paymentId: id, issuedBy: 'outer' });
      await inner().catch(() => undefined);
    });
    await expect(outer).rejects.toMatchObject({ code: 'SCOPE_DOOMED' });
    expect([await cards(id), await dedupRows(id)]).toEqual([0, 0]);
  });
});
