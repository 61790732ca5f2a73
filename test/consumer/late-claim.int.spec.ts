import { setTimeout as pause } from 'node:timers/promises';
import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf, type Transport } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

// Property: a claim that has waited at the broker for as long as a lease is of use all the same: the lease that began there
// when it was granted is not left to run out.

const LEASE_MS = 1_000;

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', leaseMs: LEASE_MS })
  async issue(
    { paymentId }: PayloadOf<typeof PaymentSucceeded>,
    { manager, group }: DeliveryContext,
  ): Promise<void> {
    await manager.insert(CardRow, { paymentId, issuedBy: group });
  }
}

describe.each(engines)('a claim that waits at the broker for longer than its lease, on %s,', (engine) => {
  let business: TestDatabase;
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    business = await createDatabase(engine);
    database = await createDatabase(engine);
  });

  afterEach(async () => {
    await app.close();
    await business.drop();
    await database.drop();
  });

  const start = (through: (broker: Transport) => Transport) =>
    startApp(business, {
      entities: [CardTable],
      providers: [Cards],
      options: { broker: { dataSource: database.options, through } },
    });

  it('has its deliveries run at once', async () => {
    app = await start((broker) => ({
      ...broker,
      claim: async (claim) => {
        await pause(LEASE_MS + 100);
        return broker.claim(claim);
      },
    }));
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    expect(await app.events('delivered')).toMatchObject([{ redelivered: false }]);
    await app.events('acknowledged');
    expect(app.seen.filter(({ type }) => type === 'lease-lost')).toEqual([]);
  });

  it('has them left alone where they are somebody else’s by then', async () => {
    let asked = 0;
    app = await start((broker) => ({
      ...broker,
      claim: async (claim) => {
        const answer = await broker.claim(claim);
        if (answer.deliveries.length > 0 && asked++ === 0) {
          // As long as its lease, and then somebody else had it for a moment.
          await pause(LEASE_MS + 100);
          const { seq } = answer.deliveries[0]!;
          const other = { ...claim, claimId: Buffer.alloc(16, 7), seq, orderingKey: undefined };
          const held = await broker.claimAlone(other);
          await broker.giveBack(held!, 0);
        }
        return answer;
      },
    }));
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    expect(await app.events('delivered')).toMatchObject([{ redelivered: true }]);
    await app.events('acknowledged');
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(1);
  });
});
