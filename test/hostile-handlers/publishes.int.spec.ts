import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf, defineTopic } from '../../src/index.js';
import { type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { engines } from '../support/engines.js';
import { effectOnce, failedTwice, hostileWorker, issueCard } from '../support/hostile.js';

/** A message that a handler publishes stands or falls with its effect. */

const CardIssued = defineTopic<Payment>({ name: 'card.issued', bizId: ({ paymentId }) => paymentId });

@Injectable()
class CardPosting {
  readonly posted: string[] = [];

  @IdempotentConsumer(CardIssued, { group: 'card-posting' })
  post({ paymentId }: PayloadOf<typeof CardIssued>, _delivery: DeliveryContext): void {
    this.posted.push(paymentId);
  }
}

describe.each(engines)('a handler that publishes, on %s', (engine) => {
  const worker = hostileWorker(engine, { providers: [CardPosting] });
  const posted = () => worker.app.nest.get(CardPosting).posted;
  const publish = ({ paymentId }: Payment) => worker.app.outbox.publish(CardIssued, payment(paymentId));
  const messagesOfBoth = async (id: string) => {
    const rows = await worker.app.brokerDataSource.query('SELECT seq FROM mq_message WHERE biz_id = ?', [
      Buffer.from(id),
    ]);
    return rows.length;
  };

  it('has its message delivered, once, when it succeeds', async () => {
    const id = worker.newId();
    worker.issuing.instead.set(id, async (paid, delivery) => {
      await issueCard(paid, delivery);
      await publish(paid);
    });
    await worker.publish(id);
    await worker.app.events('acknowledged', 2, ({ bizId }) => bizId === id);
    expect(posted().filter((paymentId) => paymentId === id)).toEqual([id]);
  });

  it('has no message when it fails behind the publish', async () => {
    const id = worker.newId();
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await publish(paid);
      throw new Error('the card printer is on fire');
    }, id);
    expect(end).toEqual(failedTwice);
    // Its own, in the dead letters.
    expect(await messagesOfBoth(id)).toBe(1);
    expect(posted()).not.toContain(id);
  });

  it('has no message when it publishes in a nested transaction that fails and is swallowed', async () => {
    const id = worker.newId();
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      const nested = delivery.manager.transaction(async () => {
        await publish(paid);
        throw new Error('the card printer is on fire');
      });
      await nested.catch(() => undefined);
    }, id);
    expect(end).toEqual(effectOnce());
    expect(posted()).not.toContain(id);
  });

  it('has both or nothing when it forgets to await the publish', async () => {
    const id = worker.newId();
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      void publish(paid);
    }, id);
    expect(end).toEqual(failedTwice);
    expect(await messagesOfBoth(id)).toBe(1);
    expect(posted()).not.toContain(id);
  });

  it('is refused a publish that comes after its end', async () => {
    const id = worker.newId();
    const late: (() => Promise<void>)[] = [];
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      const { manager } = delivery;
      late.push(() => worker.app.outbox.publish(CardIssued, payment(paid.paymentId), { manager }));
    }, id);
    expect(end).toEqual(effectOnce());
    await expect(late[0]!()).rejects.toMatchObject({ code: 'TRANSACTION_ENDED' });
    await worker.expectNothingHeld();
    expect(await messagesOfBoth(id)).toBe(0);
  });

  it('publishes its own message again to no end: each is a duplicate of the first', async () => {
    const id = worker.newId();
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await worker.app.outbox.publish(PaymentSucceeded, paid);
    }, id);
    await worker.app.events('duplicate-absorbed', 1, ({ bizId }) => bizId === id);
    expect(end.cards).toBe(1);
  });
});
