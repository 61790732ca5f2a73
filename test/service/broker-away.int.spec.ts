import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, PaymentRow, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { type TestService, startService } from '../support/service.js';
import { until } from '../support/until.js';
import { withTestStatements } from '../support/postgres-words.js';

// Property: a broker service that is away is waited for. Nothing is lost, no business transaction waits, and leases outlive it.

let handled: string[] = [];
let inTheMiddle: (paymentId: string) => Promise<void> = async () => undefined;

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', concurrency: 3, leaseMs: 5_000 })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, { manager }: DeliveryContext) {
    handled.push(paymentId);
    await manager.insert(CardRow, { paymentId, issuedBy: 'card-issuing' });
    await inTheMiddle(paymentId);
  }
}

describe.each(engines)('a broker service that is away from an app on %s', (engine) => {
  let business: TestDatabase;
  let broker: TestDatabase;
  let service: TestService | undefined;
  let port: number;
  let app: TestApp | undefined;

  beforeEach(async () => {
    handled = [];
    inTheMiddle = async () => undefined;
    business = await createDatabase(engine);
    broker = await createDatabase(engine);
    service = await startService(broker);
    port = Number(new URL(service.url).port);
  });

  afterEach(async () => {
    await app?.close();
    await service?.close();
    for (const database of [business, broker]) await database.drop();
  });

  const startAway = async () =>
    (app = await startApp(business, {
      entities: [PaymentTable, CardTable],
      providers: [CardIssuing],
      options: { broker: { url: `http://127.0.0.1:${port}`, timeoutMs: 1_000 } },
    }));
  const goAway = async () => {
    await service!.close();
    service = undefined;
  };
  const comeBack = async () => {
    service = await startService(broker, { listen: { port } });
  };
  const cards = async () =>
    (await app!.dataSource.getRepository(CardRow).find()).map(({ paymentId }) => paymentId).sort();
  const leaseEnd = async () => {
    const tables = await withTestStatements(new DataSource({ ...broker.options })).initialize();
    try {
      const [row] = await tables.query<{ at: string | number }[]>(
        'SELECT MIN(available_at) AS at FROM mq_delivery',
      );
      return Number(row!.at);
    } finally {
      await tables.destroy();
    }
  };
  const pay = (paymentId: string) =>
    app!.dataSource.transaction(async (manager) => {
      await manager.insert(PaymentRow, { paymentId, amount: 1 });
      await app!.outbox.publish(PaymentSucceeded, payment(paymentId), { manager });
    });

  it('keeps nobody from starting and publishing, and gets everything when it comes', async () => {
    await goAway();
    await startAway();
    for (const id of ['P-1', 'P-2']) await pay(id);
    await app!.events('relay-error', 1, ({ at }) => at === 'broker');
    await app!.events('worker-error');
    await comeBack();
    await until('both have a card', async () => (await cards()).length === 2);
    expect(await cards()).toEqual(['P-1', 'P-2']);
    await app!.events('relay-recovered');
  });

  it('may be started again while handlers run: their leases hold, and what they did counts once', async () => {
    await startAway();
    let began!: () => void;
    let goOn!: () => void;
    const begun = new Promise<void>((resolve) => (began = resolve));
    const mayGoOn = new Promise<void>((resolve) => (goOn = resolve));
    inTheMiddle = async (paymentId) => {
      began();
      if (paymentId === 'P-1') await mayGoOn;
    };
    await pay('P-1');
    await begun;
    const before = await leaseEnd();
    await goAway();
    // On SQLite it waits for the handler's transaction.
    const paying = pay('P-2');
    await comeBack();
    await until('the lease is renewed', async () => (await leaseEnd()) > before);
    goOn();
    await paying;
    await until('both have a card', async () => (await cards()).length === 2);
    await until('both are done', async () => (await service!.broker.groups.list())[0]!.inFlight === 0);
    expect(handled.sort()).toEqual(['P-1', 'P-2']);
    expect(await service!.broker.deadLetters.list()).toEqual([]);
  });

  it('takes an ACK that could not be sent meanwhile', async () => {
    await startAway();
    inTheMiddle = async (paymentId) => {
      if (paymentId === 'P-1' && service) await goAway();
    };
    await pay('P-1');
    await until('the card is there', async () => (await cards()).length === 1);
    await comeBack();
    await until('the ACK is taken', async () => {
      const [group] = await service!.broker.groups.list();
      return group!.inFlight === 0 && group!.ready === 0;
    });
    expect(await cards()).toEqual(['P-1']);
  });
});
