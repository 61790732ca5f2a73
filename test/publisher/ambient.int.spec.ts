import { AsyncLocalStorage } from 'node:async_hooks';
import { Inject, Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import {
  DeliveryContext,
  IdempotentConsumer,
  OutboxPublisher,
  type PayloadOf,
  outsideTransaction,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { Noted, note, storedBizIds } from './support/published.js';

/** A service that knows nothing of deliveries, as an app's own would. */
@Injectable()
class Notes {
  constructor(@Inject(OutboxPublisher) private readonly outbox: OutboxPublisher) {}

  async write(id: string): Promise<void> {
    await this.outbox.publish(Noted, note(id));
  }

  async writeAlone(id: string): Promise<void> {
    await this.outbox.publish(Noted, note(id), { standalone: true });
  }
}

@Injectable()
class CardIssuing {
  late: Promise<unknown> | undefined;
  /** The test opens it when the handler is over. */
  openGate!: () => void;
  private readonly gate = new Promise<void>((resolve) => (this.openGate = resolve));

  constructor(@Inject(Notes) private readonly notes: Notes) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', retry: { attempts: 2 } })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, { manager }: DeliveryContext) {
    await manager.insert(CardRow, { paymentId, issuedBy: 'card-issuing' });
    await this.notes.write(`${paymentId}-card`);
    switch (paymentId) {
      case 'fails':
        throw new Error('the handler failed');
      case 'nested':
        await manager.transaction(() => this.notes.write('nested-kept'));
        await manager
          .transaction(async () => {
            await this.notes.write('nested-undone');
            throw new Error('the nested one failed');
          })
          .catch(() => undefined);
        return;
      case 'alone':
        await this.notes.writeAlone('alone-note');
        throw new Error('the handler failed');
      case 'late':
        this.late = this.gate.then(() => this.notes.write('late-note'));
        this.late.catch(() => undefined);
    }
  }
}

describe.each(engines)('publish without a manager, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  const businessTransaction = new AsyncLocalStorage<EntityManager>();

  beforeAll(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, {
      entities: [CardTable],
      providers: [CardIssuing, Notes],
      options: { currentManager: () => businessTransaction.getStore() },
    });
  });

  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  afterEach(async () => {
    await app.dataSource.query('DELETE FROM mq_message');
    await app.dataSource.query('DELETE FROM mq_parked');
    await app.dataSource.query('DELETE FROM mq_dead_letter');
  });

  const pay = (id: string) => app.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
  const notes = async () => (await storedBizIds(app.dataSource)).filter((id) => id.includes('-'));
  const ofDelivery = (id: string) => (event: { bizId: string }) => event.bizId === id;

  it('joins the transaction of the handler that calls the publishing service', async () => {
    await pay('P1');
    await app.events('acknowledged', 1, ofDelivery('P1'));
    expect(await notes()).toEqual(['P1-card']);
  });

  it('is undone with a handler that fails', async () => {
    await pay('fails');
    await app.events('dead-lettered', 1, ofDelivery('fails'));
    expect(await notes()).toEqual([]);
  });

  it('is undone with a nested transaction of the handler, and only with that', async () => {
    await pay('nested');
    await app.events('acknowledged', 1, ofDelivery('nested'));
    expect(await notes()).toEqual(['nested-card', 'nested-kept']);
  });

  it('joins the transaction of IdempotentExecutor.run', async () => {
    const { executor } = app;
    const service = app.nest.get(Notes);
    const failing = executor.run({ scenario: 'notes', bizId: 'x' }, async () => {
      await service.write('executor-undone');
      throw new Error('the work failed');
    });
    await expect(failing).rejects.toThrow('the work failed');
    await executor.run({ scenario: 'notes', bizId: 'x' }, () => service.write('executor-kept'));
    await executor.run({ scenario: 'notes', bizId: 'x' }, () => service.write('executor-again'));
    expect(await notes()).toEqual(['executor-kept']);
  });

  it('joins the transaction that currentManager finds', async () => {
    const service = app.nest.get(Notes);
    const business = (fails: boolean) =>
      app.dataSource.transaction((manager) =>
        businessTransaction.run(manager, async () => {
          await service.write(`business-${fails ? 'undone' : 'kept'}`);
          if (fails) throw new Error('the business failed');
        }),
      );
    await expect(business(true)).rejects.toThrow('the business failed');
    await business(false);
    expect(await notes()).toEqual(['business-kept']);
    await expect(service.write('outside-x')).rejects.toMatchObject({ code: 'TRANSACTION_REQUIRED' });
  });

  it("refuses what currentManager finds when it is no transaction's, or one that is over", async () => {
    const service = app.nest.get(Notes);
    const { manager } = app.dataSource;
    await expect(businessTransaction.run(manager, () => service.write('x-1'))).rejects.toMatchObject({
      code: 'TRANSACTION_REQUIRED',
      message: expect.stringContaining('the manager that currentManager() found'),
    });
    const over = await app.dataSource.transaction(async (own) => own);
    await expect(businessTransaction.run(over, () => service.write('x-2'))).rejects.toMatchObject({
      code: 'TRANSACTION_ENDED',
    });
    expect(await notes()).toEqual([]);
  });

  it('stays when it was told to stand alone, also when the handler fails, or is refused where it can not', async () => {
    await pay('alone');
    const [letter] = await app.events('dead-lettered', 1, ofDelivery('alone'));
    if (engine === 'sqlite') {
      expect(letter!.error).toContain(
        'SQLite has one writer at a time, which is the transaction of CardIssuing.issue',
      );
      expect(await notes()).toEqual([]);
    } else {
      expect(letter!.error).toBe('Error: the handler failed');
      // Once for each attempt: that is the price.
      expect(await notes()).toEqual(['alone-note', 'alone-note']);
    }
  });

  it('fails when the handler that called it is over', async () => {
    await pay('late');
    await app.events('acknowledged', 1, ofDelivery('late'));
    const issuing = app.nest.get(CardIssuing);
    issuing.openGate();
    await expect(issuing.late).rejects.toMatchObject({
      code: 'TRANSACTION_ENDED',
      message: expect.stringContaining('CardIssuing.issue (group card-issuing, topic payment.succeeded)'),
    });
    expect(await notes()).toEqual(['late-card']);
  });

  it('keeps out of a transaction that the code has stepped out of', async () => {
    const service = app.nest.get(Notes);
    const attempt = app.executor.run({ scenario: 'notes', bizId: 'outside' }, () =>
      outsideTransaction(() => service.write('outside-1')),
    );
    await expect(attempt).rejects.toMatchObject({ code: 'TRANSACTION_REQUIRED' });
    expect(await notes()).toEqual([]);
  });
});
