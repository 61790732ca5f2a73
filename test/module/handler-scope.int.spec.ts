import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import {
  DeliveryContext,
  IdempotentConsumer,
  OutboxPublisher,
  type PayloadOf,
  ambientManager,
  defineTopic,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import {
  CardRow,
  CardTable,
  type Payment,
  PaymentRow,
  PaymentSucceeded,
  PaymentTable,
  payment,
} from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows } from '../support/tables.js';

/** What a handler, and a service that it calls, can reach of its delivery. */

const CardOrdered = defineTopic<{ paymentId: string }>({
  name: 'card.ordered',
  bizId: ({ paymentId }) => paymentId,
});
const CardIssued = defineTopic<{ paymentId: string }>({
  name: 'card.issued',
  bizId: ({ paymentId }) => paymentId,
});

@Injectable()
class CardPrinter {
  readonly managers: (EntityManager | undefined)[] = [];

  async print(paymentId: string): Promise<void> {
    await Promise.resolve();
    const manager = ambientManager();
    this.managers.push(manager);
    await manager!.insert(CardRow, { paymentId, issuedBy: 'printer' });
  }
}

@Injectable()
class CardIssuing {
  readonly managers: EntityManager[] = [];
  readonly payloads: unknown[] = [];
  failures = 0;

  constructor(
    private readonly printer: CardPrinter,
    private readonly outbox: OutboxPublisher,
  ) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  @IdempotentConsumer(CardOrdered, { group: 'card-issuing' })
  async issue(
    { paymentId }: PayloadOf<typeof PaymentSucceeded> | PayloadOf<typeof CardOrdered>,
    delivery: DeliveryContext,
  ): Promise<void> {
    this.managers.push(delivery.manager);
    this.payloads.push({
      topic: delivery.topic,
      paid: delivery.payloadOf(PaymentSucceeded),
      ordered: delivery.payloadOf(CardOrdered),
    });
    await this.printer.print(paymentId);
    await this.outbox.publish(CardIssued, { paymentId });
    if (this.failures-- > 0) throw new Error('the card printer is on fire');
  }
}

/** One biz-id for both of its topics: a card for the payment, or for the order, whichever comes first. */
@Injectable()
class OneCardForBoth {
  @IdempotentConsumer(PaymentSucceeded, { group: 'one-card', scenario: 'card' })
  @IdempotentConsumer(CardOrdered, { group: 'one-card', scenario: 'card' })
  async issue({ paymentId }: Pick<Payment, 'paymentId'>, delivery: DeliveryContext): Promise<void> {
    await delivery.manager.insert(CardRow, { paymentId, issuedBy: delivery.group });
  }
}

describe.each(engines)('a handler, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  const start = async (...providers: (typeof CardIssuing | typeof CardPrinter | typeof OneCardForBoth)[]) => {
    app = await startApp(database, { entities: [CardTable, PaymentTable], providers });
  };
  const publishPayment = () => app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
  const cards = () => app.dataSource.getRepository(CardRow).countBy({ paymentId: 'P-1' });

  beforeEach(async () => {
    database = await createDatabase(engine);
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it('calls services that find its manager by themselves, and nobody finds one outside', async () => {
    await start(CardIssuing, CardPrinter);
    expect(ambientManager()).toBeUndefined();
    await app.dataSource.transaction(async (manager) => {
      await manager.insert(PaymentRow, { paymentId: 'P-1', amount: 1 });
      expect(ambientManager()).toBeUndefined();
    });
    await publishPayment();
    await app.events('acknowledged');
    expect(ambientManager()).toBeUndefined();
    expect(app.nest.get(CardPrinter).managers).toEqual([expect.anything()]);
    expect(app.nest.get(CardPrinter).managers[0]).toBe(app.nest.get(CardIssuing).managers[0]);
    expect(await cards()).toBe(1);
  });

  it('publishes in its own transaction: seen with the effect, and gone with it', async () => {
    await start(CardIssuing, CardPrinter);
    app.nest.get(CardIssuing).failures = 1;
    await publishPayment();
    await app.events('retry-scheduled');
    await app.events('acknowledged');
    // The attempt that failed printed a card and published, too.
    expect(app.nest.get(CardPrinter).managers).toHaveLength(2);
    expect(await cards()).toBe(1);
    expect(await countRows(app.dataSource, 'parked')).toBe(1);
  });

  it('leaves nothing of what it published while it is in the dead letters', async () => {
    await start(CardIssuing, CardPrinter);
    app.nest.get(CardIssuing).failures = 20;
    await publishPayment();
    await app.events('dead-lettered');
    expect(app.nest.get(CardPrinter).managers).toHaveLength(20);
    expect(await cards()).toBe(0);
    expect(await countRows(app.dataSource, 'parked')).toBe(0);
  });

  it('serves several topics, and tells them apart by payloadOf', async () => {
    await start(CardIssuing, CardPrinter);
    await publishPayment();
    await app.outbox.publish(CardOrdered, { paymentId: 'P-1' }, { standalone: true });
    await app.events('acknowledged', 2);
    const { payloads } = app.nest.get(CardIssuing);
    expect(payloads).toHaveLength(2);
    expect(payloads).toContainEqual({
      topic: 'payment.succeeded',
      paid: payment('P-1'),
      ordered: undefined,
    });
    expect(payloads).toContainEqual({
      topic: 'card.ordered',
      paid: undefined,
      ordered: { paymentId: 'P-1' },
    });
    // Each topic is a scenario of its own: the same biz-id takes effect in both.
    expect(await cards()).toBe(2);
  });

  it('takes one effect for a biz-id in two topics of its group that share a scenario', async () => {
    await start(OneCardForBoth);
    await publishPayment();
    await app.events('acknowledged');
    await app.outbox.publish(CardOrdered, { paymentId: 'P-1' }, { standalone: true });
    await app.events('duplicate-absorbed');
    expect(await cards()).toBe(1);
    expect(await countRows(app.dataSource, 'dedup')).toBe(1);
  });
});
