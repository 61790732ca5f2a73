import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { OwnRabbitmq } from '../support/own-rabbitmq.js';
import { type TestRabbitmq, createRabbitmq, describeRabbitmq } from '../support/rabbitmq.js';
import { outboxSize } from '../support/tables.js';
import { until } from '../support/until.js';

// Property: a RabbitMQ that is away, or takes nothing, holds up what is published, and loses nothing of it.

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: delivery.group });
  }
}

describeRabbitmq('a RabbitMQ of its own', () => {
  let server: OwnRabbitmq;
  let database: TestDatabase;
  let rabbitmq: TestRabbitmq;
  let app: TestApp | undefined;

  beforeAll(async () => {
    server = await OwnRabbitmq.start();
  }, 120_000);

  afterAll(() => server.close());

  beforeEach(async () => {
    database = await createDatabase('sqlite');
    rabbitmq = createRabbitmq(server.url);
  });

  afterEach(async () => {
    await app?.close();
    app = undefined;
    await database.drop();
  });

  const start = async ({ consume = true } = {}) => {
    app = await startApp(database, {
      entities: [CardTable],
      providers: [CardIssuing],
      options: {
        broker: rabbitmq.broker({ timeoutMs: 2_000 }),
        relay: { ackTimeoutMs: 1_000 },
        roles: { consume },
      },
    });
    return app;
  };
  const publish = (paymentId: string) =>
    app!.outbox.publish(PaymentSucceeded, payment(paymentId), { standalone: true });

  it('that runs full is sent nothing until it takes messages again, and consumers go on', async () => {
    await start();
    await publish('P-1');
    await app!.events('acknowledged');
    await server.runFull();
    try {
      await publish('P-2');
      const [failed] = await app!.events('relay-error', 1, ({ error }) => error.includes('takes nothing'));
      expect(failed!.at).toBe('broker');
      expect(await outboxSize(app!.dataSource)).toBe(1);
    } finally {
      await server.runFree();
    }
    await app!.events('acknowledged', 2);
    await until('the outbox is empty', async () => (await outboxSize(app!.dataSource)) === 0);
  });

  it('that runs full is drained by a consumer that comes only then', async () => {
    await start();
    await publish('P-1');
    await app!.events('acknowledged');
    await app!.close();
    await start({ consume: false });
    await publish('P-2');
    await until('it is in the queue', async () => (await outboxSize(app!.dataSource)) === 0);
    await app!.close();
    await server.runFull();
    try {
      await start();
      await app!.events('acknowledged');
      expect(await app!.dataSource.getRepository(CardRow).count()).toBe(2);
    } finally {
      await server.runFree();
    }
  }, 120_000);

  it('that is away when the app starts is waited for, and what is published meanwhile arrives', async () => {
    await server.kill();
    await start();
    await publish('P-1');
    await app!.events('relay-error');
    await server.startAgain();
    await app!.events('acknowledged');
    expect(await app!.dataSource.getRepository(CardRow).count()).toBe(1);
  }, 120_000);

  it('that is killed and comes back has what it had confirmed', async () => {
    await start();
    await publish('P-0');
    await app!.events('acknowledged');
    await app!.close();
    // What RabbitMQ 3.10 was making in the seconds before its death it never brings back.
    await server.restart();
    await start();
    await server.kill();
    await publish('P-1');
    await app!.events('relay-error');
    await server.startAgain();
    await app!.events('acknowledged');
    await app!.events('relay-recovered');
    expect(await app!.dataSource.getRepository(CardRow).count()).toBe(2);
  }, 120_000);
});
