import { Injectable, Logger, type Type } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentRow, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type Engine, type TestDatabase, createDatabase } from '../support/engines.js';
import { countRows } from '../support/tables.js';
import { until } from '../support/until.js';

/** What a business that lives on this library would complain about. */
export interface Damage {
  /** Payments that a group has issued no card for. */
  lost: number;
  /** Cards beyond the first that a group has issued for a payment. */
  doubled: number;
  /** Cards for payments that never happened. */
  unpaid: number;
  /** Messages that no group needs and nobody will delete. */
  orphaned: number;
}

export const NO_DAMAGE: Damage = { lost: 0, doubled: 0, unpaid: 0, orphaned: 0 };

/** A business that does whatever a test wants to happen before it issues a card. */
export abstract class Issuing {
  /** `run` is 1 for the first time that a handler is called. */
  first: (run: number) => Promise<void> = async () => undefined;
  protected runs = 0;
}

@Injectable()
export class CardIssuing extends Issuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, { manager, group }: DeliveryContext) {
    await this.first(++this.runs);
    await manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: group });
  }
}

/** Events that end what a `delivered` began. */
const ENDS = new Set([
  'acknowledged',
  'duplicate-absorbed',
  'retry-scheduled',
  'given-back',
  'dead-lettered',
  'lease-lost',
]);

/** Payments, the cards issued for them, and what went wrong with either. */
export class Shop {
  static async open(engine: Engine, issuing: Type<Issuing>): Promise<Shop> {
    const database = await createDatabase(engine);
    const app = await startApp(database, { entities: [PaymentTable, CardTable], providers: [issuing] });
    // What these tests provoke is logged as errors.
    Logger.overrideLogger(false);
    return new Shop(engine, database, app, app.nest.get(issuing));
  }

  private constructor(
    readonly engine: Engine,
    private readonly database: TestDatabase,
    readonly app: TestApp,
    readonly issuing: Issuing,
  ) {}

  /** The payment and its message in one transaction; `fails` after both. */
  async pay(paymentId: string, { messages = 1, fails = false } = {}): Promise<void> {
    await this.app.dataSource.transaction(async (manager) => {
      await manager.insert(PaymentRow, { paymentId, amount: 100 });
      const copies = Array.from({ length: messages }, () => payment(paymentId));
      await this.app.outbox.publishAll(PaymentSucceeded, copies, { manager });
      if (fails) throw new Error('the bank took the money back');
    });
  }

  /** What is wrong once nothing happens any more. */
  async damage(groups = ['card-issuing']): Promise<Damage> {
    await until('every delivery has come to its end', () => this.isQuiet());
    await this.app.broker.sweep();
    const { dataSource } = this.app;
    const payments = new Set((await dataSource.getRepository(PaymentRow).find()).map((row) => row.paymentId));
    const cards = await dataSource.getRepository(CardRow).find();
    const issued = [...payments].flatMap((paymentId) =>
      groups.map(
        (group) => cards.filter((card) => card.paymentId === paymentId && card.issuedBy === group).length,
      ),
    );
    return {
      lost: issued.filter((count) => count === 0).length,
      doubled: issued.reduce((sum, count) => sum + Math.max(0, count - 1), 0),
      unpaid: cards.filter(({ paymentId }) => !payments.has(paymentId)).length,
      orphaned: await countRows(dataSource, 'message', 'seq NOT IN (SELECT seq FROM mq_dead_letter)'),
    };
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.database.drop();
  }

  private async isQuiet(): Promise<boolean> {
    // One statement: two miss a delivery that moves from one table to the other.
    const [{ n }] = await this.app.dataSource.query(
      'SELECT (SELECT COUNT(*) FROM mq_delivery) + (SELECT COUNT(*) FROM mq_waiting) AS n',
    );
    // Afterwards, because an attempt may go on when its delivery is gone; and without one no attempt begins.
    const begun = this.app.seen.filter(({ type }) => type === 'delivered').length;
    const ended = this.app.seen.filter(({ type }) => ENDS.has(type)).length;
    return Number(n) === 0 && begun === ended;
  }
}
