import { Injectable } from '@nestjs/common';
import { AtLeastOnceConsumer, type AtLeastOnceDelivery, IdempotentConsumer } from '../../src/index.js';
import { DeliveryContext, OutboxPublisher, type PayloadOf, defineTopic } from '../../src/index.js';
import { MqTestHarness } from '../../src/testing/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type Place, createPlace, allPlaces } from './shapes.js';

/** A machine may be busy. */
const PATIENT = { timeoutMs: 30_000 };

const CardIssued = defineTopic<{ paymentId: string; issuedBy: string }>({
  name: 'card.issued',
  bizId: ({ paymentId }) => paymentId,
});

@Injectable()
class CardIssuing {
  attempts = 0;
  failures = 0;
  hold: Promise<void> = Promise.resolve();

  constructor(private readonly outbox: OutboxPublisher) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    this.attempts++;
    await this.hold;
    if (this.failures-- > 0) throw new Error('no cards left');
    await delivery.manager.insert(CardRow, { paymentId, issuedBy: delivery.group });
    await this.outbox.publish(CardIssued, { paymentId, issuedBy: delivery.group });
  }
}

@Injectable()
class Texting {
  readonly sent: string[] = [];

  @AtLeastOnceConsumer(CardIssued, { group: 'sms' })
  async text({ paymentId }: PayloadOf<typeof CardIssued>, delivery: AtLeastOnceDelivery) {
    this.sent.push(paymentId);
    return delivery.ack();
  }
}

describe.each(allPlaces)('MqTestHarness on %s, %s', (engine, shape) => {
  let place: Place;
  let app: TestApp;
  let harness: MqTestHarness;
  let cards: CardIssuing;
  let texts: Texting;

  /** One app for all: each test has payments of its own. */
  let test = 0;
  const p = (number: number) => `P-${test}-${number}`;
  let seenBefore: number;

  beforeAll(async () => {
    place = await createPlace(engine, shape);
    app = await startApp(place.database, {
      entities: [CardTable],
      providers: [CardIssuing, Texting],
      options: {
        ...place.options,
        consumers: { retry: { attempts: 2, delayMs: 60_000, maxDelayMs: 60_000 } },
      },
    });
    cards = app.nest.get(CardIssuing);
    texts = app.nest.get(Texting);
  });

  beforeEach(() => {
    test++;
    harness = new MqTestHarness(app.nest);
    seenBefore = app.seen.length;
    Object.assign(cards, { attempts: 0, failures: 0, hold: Promise.resolve() });
    texts.sent.length = 0;
  });

  afterEach(async () => {
    await harness.drain(PATIENT);
    await app.dataSource.getRepository(CardRow).clear();
    for (const letter of await harness.deadLetters()) await app.broker.deadLetters.purge(letter.id);
  });

  afterAll(async () => {
    await app.close();
    await place.drop();
  });

  const publish = (paymentId: string, options = {}) =>
    app.outbox.publish(PaymentSucceeded, payment(paymentId), { standalone: true, ...options });
  const seen = (type: string) => app.seen.slice(seenBefore).filter((event) => event.type === type);
  const cardsOf = (paymentId: string) => app.dataSource.getRepository(CardRow).countBy({ paymentId });

  it('drains what was published, and what its handlers publish', async () => {
    for (const id of [p(1), p(2), p(3)]) await publish(id);
    await harness.drain(PATIENT);
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(3);
    expect([...texts.sent].sort()).toEqual([p(1), p(2), p(3)]);
  });

  it('drains those with an ordering key, and waits for none that stands behind one in backoff', async () => {
    cards.failures = 1;
    await publish(p(1), { orderingKey: 'u1' });
    await publish(p(2), { orderingKey: 'u1' });
    await harness.drain(PATIENT);
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(0);
    await harness.jumpClock(60_000);
    await harness.drain(PATIENT);
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(2);
  });

  it('says what still is on its way when the time is over', async () => {
    let go!: () => void;
    cards.hold = new Promise((resolve) => (go = resolve));
    await publish(p(1));
    await app.events('delivered', 1, ({ bizId }) => bizId === p(1));
    await expect(harness.drain({ timeoutMs: 50 })).rejects.toThrow(
      /Still on its way after 50 ms[^]*payment\.succeeded P-\d+-1 for group card-issuing/,
    );
    go();
    await harness.drain(PATIENT);
    expect(await cardsOf(p(1))).toBe(1);
  });

  it('knows what was published, once it has committed', async () => {
    await expect(
      app.dataSource.transaction(async (manager) => {
        await app.outbox.publish(PaymentSucceeded, payment(p(0)), { manager });
        harness.expectNotPublished(PaymentSucceeded);
        throw new Error('changed my mind');
      }),
    ).rejects.toThrow('changed my mind');
    harness.expectNotPublished(PaymentSucceeded);
    await publish(p(1));
    harness.expectPublished(PaymentSucceeded);
    harness.expectPublished(PaymentSucceeded, { bizId: p(1), payload: { amount: 100 }, times: 1 });
    harness.expectNotPublished(PaymentSucceeded, { bizId: p(2) });
    await harness.drain(PATIENT);
    harness.expectPublished(CardIssued, { payload: { issuedBy: 'card-issuing' } });
    expect(harness.published(CardIssued)).toMatchObject([{ bizId: p(1) }]);
  });

  it('says what was published instead of what a test expects', async () => {
    await publish(p(1));
    expect(() => harness.expectPublished(PaymentSucceeded, { payload: { amount: 7 } })).toThrow(
      /Expected payment\.succeeded with a payload with \{ amount: 7 \} to be published; it was, 0 times\. Published on it:\s+P-\d+-1: .*amount: 100/,
    );
    expect(() => harness.expectPublished(CardIssued, { bizId: p(9) })).toThrow('Nothing was published on it');
    expect(() => harness.expectNotPublished(PaymentSucceeded)).toThrow(
      'not to be published; it was, 1 times',
    );
    expect(() => harness.expectPublished(PaymentSucceeded, { times: 2 })).toThrow('to be published 2 times');
  });

  it.each([undefined, 'u1'])(
    'redelivers a message, which is absorbed (ordering key: %s)',
    async (orderingKey) => {
      await publish(p(1), { orderingKey });
      await harness.drain(PATIENT);
      expect(await harness.redeliver(PaymentSucceeded, { bizId: p(1) })).toBe(1);
      await harness.drain(PATIENT);
      expect(seen('duplicate-absorbed')).toHaveLength(1);
      expect(cards.attempts).toBe(1);
      expect(await cardsOf(p(1))).toBe(1);
    },
  );

  it('redelivers to a consumer that has no dedup row, which does it again', async () => {
    await publish(p(1));
    await harness.drain(PATIENT);
    await harness.redeliver(CardIssued);
    await harness.drain(PATIENT);
    expect(texts.sent).toEqual([p(1), p(1)]);
  });

  it('redelivers nothing that never came, nor what is not through', async () => {
    await expect(harness.redeliver(PaymentSucceeded)).rejects.toThrow(
      'Nothing of payment.succeeded was delivered',
    );
    cards.failures = 1;
    await publish(p(1));
    await harness.drain(PATIENT);
    await expect(harness.redeliver(PaymentSucceeded)).rejects.toThrow('is not through');
  });

  it('loses an ACK (5), and the message comes again', async () => {
    harness.loseNextAck(5);
    await publish(p(1));
    await harness.drain(PATIENT);
    expect(seen('delivered')).toHaveLength(3);
    expect(seen('duplicate-absorbed')).toHaveLength(1);
    expect(await cardsOf(p(1))).toBe(1);
    expect(texts.sent).toEqual([p(1)]);
  });

  it('loses an ACK (3), and the same message is sent again and stored once', async () => {
    if (shape === 'one database') {
      expect(() => harness.loseNextAck(3)).toThrow('There is no ACK (3) to lose');
      return;
    }
    harness.loseNextAck(3);
    await publish(p(1));
    await harness.drain(PATIENT);
    expect(seen('resend-absorbed')).toHaveLength(1);
    expect(cards.attempts).toBe(1);
  });

  it('jumps over a delay', async () => {
    await publish(p(1), { delayMs: 3_600_000 });
    await harness.drain(PATIENT);
    expect(cards.attempts).toBe(0);
    await harness.jumpClock(3_600_000);
    await harness.drain(PATIENT);
    expect(await cardsOf(p(1))).toBe(1);
  });

  it('jumps past an expiry, and shows the dead letter', async () => {
    await publish(p(1), { delayMs: 1_000_000, expiresAt: new Date(Date.now() + 2_000_000) });
    await harness.jumpClock(3_000_000);
    await app.broker.sweep();
    await harness.drain(PATIENT);
    expect(await harness.deadLetters()).toMatchObject([{ bizId: p(1), reason: 'expired' }]);
    expect(cards.attempts).toBe(0);
  });

  it('jumps over a backoff, to the dead letters', async () => {
    cards.failures = 2;
    await publish(p(1));
    await harness.drain(PATIENT);
    expect(await harness.deadLetters()).toEqual([]);
    await harness.jumpClock(60_000);
    await harness.drain(PATIENT);
    expect(await harness.deadLetters({ group: 'card-issuing' })).toMatchObject([
      { topic: 'payment.succeeded', bizId: p(1), reason: 'failed' },
    ]);
    expect(await cardsOf(p(1))).toBe(0);
  });

  // SQLite has one writer, which the handler is.
  if (engine === 'sqlite') return;

  it('jumps past a lease, which its handler loses', async () => {
    let go!: () => void;
    cards.hold = new Promise((resolve) => (go = resolve));
    await publish(p(1));
    await app.events('delivered', 1, ({ bizId }) => bizId === p(1));
    await harness.jumpClock(60_000);
    go();
    await harness.drain(PATIENT);
    expect(await cardsOf(p(1))).toBe(1);
  });
});
