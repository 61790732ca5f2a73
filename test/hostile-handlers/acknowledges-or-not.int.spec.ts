import { Injectable } from '@nestjs/common';
import {
  type Acked,
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  DeliveryContext,
  IdempotentConsumer,
  type PayloadOf,
  RejectMessageError,
  RetryLaterError,
} from '../../src/index.js';
import { type Payment, PaymentSucceeded } from '../support/cards.js';
import { engines } from '../support/engines.js';
import { CardIssuing, effectOnce, failedTwice, hostileWorker, issueCard } from '../support/hostile.js';

@Injectable()
class ManualCardIssuing extends CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', ack: 'manual', retry: { attempts: 2 } })
  override async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    if (paid.paymentId.startsWith('healthy')) delivery.ack();
    await super.issue(paid, delivery);
  }
}

describe.each(engines)("a handler that acknowledges by hand (ack: 'manual'), on %s", (engine) => {
  const worker = hostileWorker(engine, {}, { provide: CardIssuing, useClass: ManualCardIssuing });

  it('takes effect once when it acknowledges', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      return delivery.ack();
    });
    expect(end).toEqual(effectOnce());
  });

  it('takes effect once when it acknowledges before it writes, and more than once', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      delivery.ack();
      delivery.ack();
      await issueCard(paid, delivery);
    });
    expect(end).toEqual(effectOnce());
  });

  it('is rolled back and comes again when it returns without', async () => {
    const id = worker.newId();
    expect(await worker.meets(issueCard, id)).toEqual(failedTwice);
    expect((await worker.errors(id))[0]).toMatch(/^AckMissingError: .* returned without delivery\.ack\(\)/);
  });

  it('is rolled back when it throws behind its ACK', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      delivery.ack();
      throw new Error('the card printer is on fire');
    });
    expect(end).toEqual(failedTwice);
  });

  it('is rolled back when it acknowledges after it returned', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      setTimeout(() => delivery.ack(), 0);
    });
    expect(end).toEqual(failedTwice);
  });
});

type Texting = (paid: Payment, delivery: AtLeastOnceDelivery) => Promise<unknown>;

@Injectable()
class SmsSending {
  readonly instead = new Map<string, Texting>();
  readonly runs = new Map<string, number>();

  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'sms', retry: { attempts: 2 } })
  async text(paid: PayloadOf<typeof PaymentSucceeded>, delivery: AtLeastOnceDelivery): Promise<Acked> {
    this.runs.set(paid.paymentId, (this.runs.get(paid.paymentId) ?? 0) + 1);
    const instead = this.instead.get(paid.paymentId);
    if (instead) return (await instead(paid, delivery)) as Acked;
    return delivery.ack();
  }
}

describe.each(engines)('an at-least-once handler, on %s', (engine) => {
  const worker = hostileWorker(engine, {}, { provide: CardIssuing, useClass: SmsSending });
  const sms = () => worker.app.nest.get<SmsSending>(CardIssuing);
  const done = { texts: 1, deadLetters: [] as string[], deliveries: 0 };
  const failed = { texts: 2, deadLetters: ['failed'], deliveries: 0 };

  /** @returns what is left of it, next to a healthy message */
  const meets = async (handler: Texting) => {
    const [id, healthy] = [worker.newId(), worker.newId('healthy')];
    sms().instead.set(id, handler);
    for (const paymentId of [id, healthy]) await worker.publish(paymentId);
    for (const paymentId of [id, healthy]) await worker.ended(paymentId);
    expect(await leftOf(healthy)).toEqual(done);
    await worker.expectNothingHeld();
    return leftOf(id);
  };
  const leftOf = async (id: string) => {
    const { runs: texts, dedup, deadLetters, deliveries } = await worker.end(id);
    expect(dedup).toBe(0);
    return { texts, deadLetters: deadLetters.map(({ reason }) => reason), deliveries };
  };

  it('is done when it has acknowledged', async () => {
    expect(await meets((_, delivery) => delivery.ack())).toEqual(done);
  });

  it('is done when it throws behind its ACK', async () => {
    const left = await meets(async (_, delivery) => {
      await delivery.ack();
      throw new Error('the modem is on fire');
    });
    expect(left).toEqual(done);
  });

  it('is done when it does not await its ACK, or acknowledges twice', async () => {
    const left = await meets(async (_, delivery) => {
      void delivery.ack();
      void delivery.ack();
    });
    expect(left).toEqual(done);
  });

  it('comes again when it returns without an ACK, which its type forbids', async () => {
    expect(await meets(async () => undefined)).toEqual(failed);
  });

  it('comes again when it throws before its ACK', async () => {
    const left = await meets(async () => {
      throw new Error('the modem is on fire');
    });
    expect(left).toEqual(failed);
  });

  it.each([undefined, 'a string', Object.create(null)])(
    'comes again when it throws %j',
    async (thrown: unknown) => {
      const left = await meets(async () => {
        throw thrown;
      });
      expect(left).toEqual(failed);
    },
  );

  it('costs no attempt when it throws RetryLaterError, and goes to the dead letters when it rejects', async () => {
    let attempt = 0;
    const later = await meets(async (_, delivery) => {
      if (++attempt < 4) throw new RetryLaterError({ delayMs: 1 });
      return delivery.ack();
    });
    expect(later).toEqual({ ...done, texts: 4 });
    const rejected = await meets(async () => {
      throw new RejectMessageError('no such number');
    });
    expect(rejected).toEqual({ ...done, deadLetters: ['rejected'] });
  });

  it('is told when its ACK comes too late, and has not acknowledged then', async () => {
    const errors: unknown[] = [];
    const id = worker.newId();
    sms().instead.set(id, async (_, delivery) => {
      if (errors.length > 0) return delivery.ack();
      await worker.app.brokerDataSource.query('UPDATE mq_delivery SET token = NULL, available_at = 0');
      return delivery.ack().catch((error: unknown) => errors.push(error));
    });
    await worker.publish(id);
    await worker.ended(id);
    expect(errors).toEqual([expect.objectContaining({ code: 'LEASE_LOST' })]);
    expect(await leftOf(id)).toEqual({ ...done, texts: 2 });
  });

  it("may use the app's DataSource, for it runs in no transaction", async () => {
    const left = await meets(async (_, delivery) => {
      await worker.app.dataSource.query('SELECT 1');
      return delivery.ack();
    });
    expect(left).toEqual(done);
  });
});
