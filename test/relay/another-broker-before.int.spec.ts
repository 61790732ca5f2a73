import { Injectable } from '@nestjs/common';
import { type DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type AppParts, type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { engines } from '../support/engines.js';
import { type TwoDatabases, startApart, twoDatabases } from './support.js';

// Property: another broker counts its messages and its subscriptions from 1 again, and none of them is taken for the
// former one's of that number.

type Paid = PayloadOf<typeof PaymentSucceeded>;

const issue = (paid: Paid, { manager, group }: DeliveryContext) =>
  manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: group });

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', fingerprint: true })
  async issue(paid: Paid, delivery: DeliveryContext): Promise<void> {
    await issue(paid, delivery);
  }
}

@Injectable()
class SharingCards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', scenario: 'payments' })
  async issue(paid: Paid, delivery: DeliveryContext): Promise<void> {
    await issue(paid, delivery);
  }
}

describe.each(engines)('the first message of another broker, on %s,', (engine) => {
  let databases: TwoDatabases;
  let app: TestApp | undefined;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
  });

  afterEach(async () => {
    await app?.close();
    await databases.drop();
  });

  const parts = (provider: NonNullable<AppParts['providers']>[0]): AppParts => ({
    entities: [PaymentTable, CardTable],
    providers: [provider],
  });
  const publish = (paid: Paid) => app!.outbox.publish(PaymentSucceeded, paid, { standalone: true });

  /** Takes effect while the broker is in the business's database. */
  async function paidBefore(provider: NonNullable<AppParts['providers']>[0]): Promise<void> {
    app = await startApp(databases.business, parts(provider));
    await publish(payment('P-1'));
    await app.events('acknowledged');
    await app.close();
  }

  it('is an ordinary repeat where the one of its number took effect with the former broker', async () => {
    await paidBefore(Cards);
    app = await startApart(databases, parts(Cards));
    await publish(payment('P-1'));
    await app.events('duplicate-absorbed');
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(1);
    expect(await app.broker.deadLetters.list()).toEqual([]);
  });

  it('is compared with the one of its number', async () => {
    await paidBefore(Cards);
    app = await startApart(databases, parts(Cards));
    await publish({ ...payment('P-1'), amount: 700 });
    expect(await app.events('biz-id-conflict')).toMatchObject([{ bizId: 'P-1' }]);
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(1);
  });

  it("is not another group's where that has the number of the former subscription", async () => {
    await paidBefore(SharingCards);
    const first = await startApart(databases, { options: { roles: { consume: false } } });
    await first.broker.subscribe({ topic: PaymentSucceeded.name, group: 'audit', version: 1 });
    await first.close();
    app = await startApart(databases, parts(SharingCards));
    await publish(payment('P-1'));
    await app.events('duplicate-absorbed');
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(1);
    expect(await app.broker.deadLetters.list()).toEqual([]);
  });
});
