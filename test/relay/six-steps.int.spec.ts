import { Injectable } from '@nestjs/common';
import { type DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import {
  CardRow,
  CardTable,
  type Payment,
  PaymentRow,
  PaymentSucceeded,
  PaymentTable,
  payment,
} from '../support/cards.js';
import type { TestApp } from '../support/app.js';
import { engines } from '../support/engines.js';
import { connect } from './support-connect.js';
import { type TwoDatabases, startApart, twoDatabases } from './support.js';

/** Sender and receiver have their databases, the broker has its own: ACKs travel, and get lost. */

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: Payment, { manager }: DeliveryContext) {
    await manager.insert(CardRow, { paymentId, issuedBy: 'test' });
  }
}

describe.each(engines)('a database each, on %s', (engine) => {
  let databases: TwoDatabases;
  let app: TestApp | undefined;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
  });

  afterEach(async () => {
    await app?.close();
    await databases.drop();
  });

  const pay = (to: TestApp, paymentId: string) =>
    to.dataSource.transaction(async (manager) => {
      await manager.insert(PaymentRow, { paymentId, amount: 100 });
      await to.outbox.publish(PaymentSucceeded, payment(paymentId), { manager });
    });

  it('a payment gets its card, and nothing is left of its message', async () => {
    app = await startApart(databases, { entities: [PaymentTable, CardTable], providers: [CardIssuing] });
    await pay(app, 'P-1');
    await app.events('acknowledged');
    await app.events('message-dropped');
    expect(await app.dataSource.getRepository(CardRow).find()).toMatchObject([{ paymentId: 'P-1' }]);
    const types = app.seen.map(({ type }) => type).filter((type) => type !== 'consuming');
    expect(types).toEqual(
      expect.arrayContaining(['published', 'sent', 'landed', 'relayed', 'delivered', 'acknowledged']),
    );
    const [{ n }] = await app.dataSource.query('SELECT COUNT(*) AS n FROM mq_outbox');
    expect(Number(n)).toBe(0);
    await connect(databases.broker, async (broker) => {
      const [row] = await broker.query(
        'SELECT (SELECT COUNT(*) FROM mq_message) AS messages, (SELECT COUNT(*) FROM mq_accepted) AS accepted',
      );
      expect([Number(row.messages), Number(row.accepted)]).toEqual([0, 1]);
    });
  });

  it('a payment that is rolled back is sent to nobody', async () => {
    app = await startApart(databases, { entities: [PaymentTable, CardTable], providers: [CardIssuing] });
    const failing = app.dataSource.transaction(async (manager) => {
      await app!.outbox.publish(PaymentSucceeded, payment('P-1'), { manager });
      throw new Error('no money');
    });
    await expect(failing).rejects.toThrow('no money');
    await pay(app, 'P-2');
    await app.events('acknowledged');
    expect(app.seen.filter(({ type }) => type === 'sent')).toHaveLength(1);
    expect(await app.dataSource.getRepository(CardRow).find()).toMatchObject([{ paymentId: 'P-2' }]);
  });

  it('when ACK 3 is lost the same is sent again, and stored once', async () => {
    let lost = 0;
    app = await startApart(databases, {
      entities: [PaymentTable, CardTable],
      providers: [CardIssuing],
      through: (broker) => ({
        ...broker,
        send: async (shipment) => {
          const answers = await broker.send(shipment);
          if (lost++ < 3) throw new Error('ACK 3 got lost');
          return answers;
        },
      }),
    });
    await pay(app, 'P-1');
    await app.events('relayed');
    await app.events('acknowledged');
    expect(app.seen.filter(({ type }) => type === 'landed')).toHaveLength(1);
    expect(app.seen.filter(({ type }) => type === 'resend-absorbed')).toHaveLength(3);
    expect(app.seen.flatMap((event) => (event.type === 'sent' ? [event.sends] : []))).toEqual([1, 2, 3, 4]);
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(1);
  });

  it('when ACK 5 is lost the delivery comes again, and meets the dedup row', async () => {
    let first: Buffer | undefined;
    app = await startApart(databases, {
      entities: [PaymentTable, CardTable],
      providers: [CardIssuing],
      options: { consumers: { leaseMs: 200 } },
      through: (broker) => ({
        ...broker,
        acknowledge: async (held) => {
          first ??= held.token;
          if (!first.equals(held.token)) return broker.acknowledge(held);
          throw new Error('ACK 5 got lost');
        },
      }),
    });
    await pay(app, 'P-1');
    await app.events('ack-lost');
    await app.events('duplicate-absorbed');
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(1);
  });
});
