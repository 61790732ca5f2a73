import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { upTo } from '../support/booking.js';
import { randomUUID } from 'node:crypto';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { Balancer } from '../../campaigns/proxy/balancer.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { untilAllIsThrough } from '../support/faults.js';
import { type TestService, startService } from '../support/service.js';
import { ask, shipment } from './support/ask.js';
import { withTestStatements } from '../support/postgres-words.js';

// Property: any number of instances serve one database. Who waits at one hears of what lands at another, and the end of one
// loses nothing.

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', concurrency: 3, leaseMs: 3_000 })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, { manager }: DeliveryContext) {
    await manager.insert(CardRow, { paymentId, issuedBy: 'card-issuing' });
  }
}

const PAYMENTS = 120;

describe.each(engines)('two instances of a broker service on %s', (engine) => {
  let database: TestDatabase;
  let instances: TestService[];

  beforeEach(async () => {
    database = await createDatabase(engine);
    instances = [await startService(database), await startService(database)];
  });

  afterEach(async () => {
    for (const instance of instances) await instance.close();
    await database.drop();
  });

  it('tell whoever waits at one of what lands at the other', async () => {
    const [here, there] = instances as [TestService, TestService];
    const { subscription } = (
      await ask(here.url, 'subscribe', { topic: 'payment.succeeded', group: 'g', version: 1 })
    ).body;
    for (let i = 0; i < 5; i++) {
      const { cursor } = (await ask(here.url, 'wait', { subscriptions: [subscription], waitMs: 0 })).body;
      const claim = { subscription, claimId: randomUUID(), limit: 1, leaseMs: 60_000, waitMs: 20_000 };
      const claiming = ask(here.url, 'claim', claim);
      const waiting = ask(here.url, 'wait', { subscriptions: [subscription], cursor, waitMs: 20_000 });
      await ask(there.url, 'send', shipment({ bizId: `P-${i}` }));
      expect((await waiting).body.landed).toEqual([{ subscription, keyed: false }]);
      expect((await claiming).body.deliveries).toEqual([expect.objectContaining({ bizId: `P-${i}` })]);
    }
  });

  it('tell whoever comes late of what has landed since it waited last', async () => {
    const [here, there] = instances as [TestService, TestService];
    const { subscription } = (
      await ask(here.url, 'subscribe', { topic: 'payment.succeeded', group: 'g', version: 1 })
    ).body;
    const { cursor } = (await ask(here.url, 'wait', { subscriptions: [subscription], waitMs: 0 })).body;
    await ask(there.url, 'send', shipment({ orderingKey: 'a' }));
    const request = { subscriptions: [subscription], cursor, waitMs: 20_000 };
    const { landed, cursor: next } = (await ask(here.url, 'wait', request)).body;
    expect(landed).toEqual([{ subscription, keyed: true }]);
    const again = await ask(here.url, 'wait', { ...request, cursor: next, waitMs: 1 });
    expect(again.body.landed).toEqual([]);
  });

  it('lose nothing when one of them ends, and go on with the other', async () => {
    const balancer = await Balancer.before(...instances.map(({ url }) => url));
    const business = await createDatabase(engine);
    const apps: TestApp[] = [];
    for (let i = 0; i < 4; i++) {
      const options = { broker: { url: balancer.url } };
      apps.push(await startApp(business, { entities: [CardTable], providers: [CardIssuing], options }));
    }
    for (let i = 0; i < PAYMENTS; i++) {
      await apps[i % 4]!.outbox.publish(PaymentSucceeded, payment(`P-${i}`), { standalone: true });
      // In the middle of it, and once more a while later.
      if (i === 40) await instances[0]!.close();
      if (i === 80) {
        instances[0] = await startService(database, { listen: { port: portOf(instances[0]!) } });
        await instances[1]!.close();
      }
    }
    instances[1] = await startService(database, { listen: { port: portOf(instances[1]!) } });
    const { dataSource } = apps[0]!;
    const tables = await withTestStatements(new DataSource(database.options)).initialize();
    await untilAllIsThrough({ dataSource, brokerDataSource: tables }, { limitMs: 60_000 });
    await tables.destroy();
    const cards = (await dataSource.getRepository(CardRow).find()).map(({ paymentId }) => paymentId);
    expect(cards.sort()).toEqual(
      upTo(PAYMENTS)
        .map((i) => `P-${i - 1}`)
        .sort(),
    );
    for (const app of apps) await app.close();
    await balancer.close();
    await business.drop();
  }, 180_000);
});

function portOf({ url }: TestService): number {
  return Number(new URL(url).port);
}
