import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { createJetstream, describeJetstream } from '../support/jetstream.js';
import { OwnJetstream } from '../support/own-jetstream.js';
import { outboxSize } from '../support/tables.js';
import { until } from '../support/until.js';

// Property: a NATS server that is away holds up what is published, and loses nothing of it.

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: delivery.group });
  }
}

describeJetstream('a NATS server of its own', () => {
  let server: OwnJetstream;
  let database: TestDatabase;
  let app: TestApp | undefined;

  beforeAll(async () => {
    server = await OwnJetstream.start();
  }, 120_000);

  afterAll(() => server.close());

  beforeEach(async () => {
    database = await createDatabase('sqlite');
  });

  afterEach(async () => {
    await app?.close();
    app = undefined;
    await database.drop();
  });

  const start = async () => {
    app = await startApp(database, {
      entities: [CardTable],
      providers: [CardIssuing],
      options: {
        broker: createJetstream(server.url).broker({ timeoutMs: 2_000 }),
        relay: { ackTimeoutMs: 1_000 },
      },
    });
    return app;
  };
  const publish = (paymentId: string) =>
    app!.outbox.publish(PaymentSucceeded, payment(paymentId), { standalone: true });
  const cards = () => app!.dataSource.getRepository(CardRow).count();

  it('that is away when the app starts is waited for, and what is published meanwhile arrives', async () => {
    await server.kill();
    await start();
    await publish('P-1');
    await app!.events('relay-error');
    await server.startAgain();
    await app!.events('acknowledged');
    expect(await cards()).toBe(1);
  }, 120_000);

  it('that is killed and comes back has what it had acknowledged, and is pulled from again', async () => {
    await start();
    await publish('P-0');
    await app!.events('acknowledged');
    for (let round = 1; round <= 3; round++) {
      await server.kill();
      await publish(`P-${round}`);
      await app!.events('relay-error');
      await server.startAgain();
      await app!.events('acknowledged', 1 + round);
    }
    await app!.events('relay-recovered');
    await until('the outbox is empty', async () => (await outboxSize(app!.dataSource)) === 0);
    expect(await cards()).toBe(4);
  }, 120_000);

  it('that is killed under load loses nothing, and nothing is done twice', async () => {
    const count = 400;
    await start();
    const publishing = (async () => {
      for (let i = 0; i < count; i++) await publish(`P-${i}`);
    })();
    await app!.events('acknowledged', 50);
    await server.kill();
    await server.startAgain();
    await publishing;
    await until('all have a card', async () => (await cards()) === count, { limitMs: 60_000 });
    await until('the outbox is empty', async () => (await outboxSize(app!.dataSource)) === 0);
    expect(await cards()).toBe(count);
  }, 120_000);
});
