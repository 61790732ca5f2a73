/**
 * What must not compile. Each `@ts-expect-error` is an assertion: tsc fails when the line under it compiles after all.
 * contract.spec.ts runs tsc on this file.
 */
import { z } from 'zod';
import {
  AtLeastOnceBatch,
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  BatchContext,
  DeliveryContext,
  IdempotentConsumer,
  type OutboxPublisher,
  type PayloadOf,
  type PublishedBy,
  defineTopic,
} from '../../src/index.js';

interface Payment {
  paymentId: string;
  userId: string;
  amount: number;
}

const PaymentSucceeded = defineTopic<Payment>({ name: 'payment.succeeded', bizId: (paid) => paid.paymentId });
const PaymentRefunded = defineTopic<{ refundId: string }>({
  name: 'payment.refunded',
  bizId: (refund) => refund.refundId,
});
const Ordered = defineTopic({
  name: 'ordered',
  bizId: (order) => order.id,
  schema: z.object({ id: z.string(), at: z.string().transform((iso) => new Date(iso)) }),
});

interface Tree {
  id: string;
  note?: string | null;
  kind: 'leaf' | 'branch';
  tags: readonly string[];
  pair: [string, number];
  meta: Record<string, unknown>;
  children: Tree[];
}
export const Planted = defineTopic<Tree>({ name: 'planted', bizId: (tree) => tree.id });
export const Loose = defineTopic<Record<string, unknown>>({ name: 'loose', bizId: ({ id }) => String(id) });
export const Text = defineTopic<string>({ name: 'text', bizId: (text) => text });

interface Dated {
  id: string;
  lines: { at: Date }[];
}
// @ts-expect-error a Date does not come back from JSON
export const WithDate = defineTopic<Dated>({ name: 'dated', bizId: (dated) => dated.id });
// @ts-expect-error nor does a BigInt
export const WithBigInt = defineTopic<{ id: string; n?: bigint }>({ name: 'big', bizId: (big) => big.id });
// @ts-expect-error a topic has no such key
export const WithStray = defineTopic<Payment>({ name: 'stray', bizId: (paid) => paid.paymentId, ttl: 5 });

export class Fits {
  @IdempotentConsumer(PaymentSucceeded, { group: 'full' })
  async full(_paid: PayloadOf<typeof PaymentSucceeded>, _delivery: DeliveryContext) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'narrower' })
  narrower(_paid: { paymentId: string }) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'stacked' })
  @IdempotentConsumer(PaymentRefunded, { group: 'stacked' })
  stacked(_body: PayloadOf<typeof PaymentSucceeded> | PayloadOf<typeof PaymentRefunded>) {}

  @IdempotentConsumer(Ordered, { group: 'schema-output' })
  output(order: PayloadOf<typeof Ordered>) {
    return order.at.getTime();
  }

  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'sms' })
  async sms(_paid: Payment, delivery: AtLeastOnceDelivery) {
    return delivery.ack();
  }
}

export class BatchesFit {
  @IdempotentConsumer(PaymentSucceeded, { group: 'batch', batch: { max: 100, waitMs: 50 } })
  async full(paid: Payment[], batch: BatchContext<Payment>) {
    for (const delivery of batch.deliveries) if (delivery.payload.amount > 0) delivery.reject('nothing');
    return paid.length;
  }

  @IdempotentConsumer(PaymentSucceeded, { group: 'batch-only-read', batch: { max: 100 } })
  onlyRead(_paid: readonly { paymentId: string }[], _batch: BatchContext) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'batch-stacked', batch: { max: 100 } })
  @IdempotentConsumer(PaymentRefunded, { group: 'batch-stacked', batch: { max: 100 } })
  stacked(_bodies: PayloadOf<typeof PaymentSucceeded>[] | PayloadOf<typeof PaymentRefunded>[]) {}

  @IdempotentConsumer(Ordered, { group: 'batch-schema-output', batch: { max: 100 } })
  output(orders: PayloadOf<typeof Ordered>[], batch: BatchContext<PayloadOf<typeof Ordered>>) {
    return orders[0]!.at.getTime() + batch.deliveries[0]!.payload.at.getTime();
  }

  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'batch-sms', batch: { max: 100 } })
  async sms(_paid: Payment[], batch: AtLeastOnceBatch<Payment>) {
    await batch.deliveries[0]!.ack();
    return batch.ack();
  }
}

export class BatchesDoNotFit {
  // @ts-expect-error one payload where an array comes
  @IdempotentConsumer(PaymentSucceeded, { group: 'one', batch: { max: 100 } })
  one(_paid: Payment) {}

  // @ts-expect-error an array where one payload comes
  @IdempotentConsumer(PaymentSucceeded, { group: 'no-batch' })
  noBatch(_paid: Payment[]) {}

  // @ts-expect-error another payload
  @IdempotentConsumer(PaymentSucceeded, { group: 'other-payload', batch: { max: 100 } })
  otherPayload(_paid: { orderId: string }[]) {}

  // @ts-expect-error a batch of another payload
  @IdempotentConsumer(PaymentSucceeded, { group: 'other-batch', batch: { max: 100 } })
  otherBatch(_paid: Payment[], _batch: BatchContext<{ orderId: string }>) {}

  // @ts-expect-error the delivery of one
  @IdempotentConsumer(PaymentSucceeded, { group: 'delivery', batch: { max: 100 } })
  delivery(_paid: Payment[], _delivery: DeliveryContext) {}

  // @ts-expect-error the batch of the other kind of consumer
  @IdempotentConsumer(PaymentSucceeded, { group: 'other-kind', batch: { max: 100 } })
  otherKind(_paid: Payment[], _batch: AtLeastOnceBatch<Payment>) {}

  // @ts-expect-error the schema's input where its output comes
  @IdempotentConsumer(Ordered, { group: 'schema-input', batch: { max: 100 } })
  input(_orders: PublishedBy<typeof Ordered>[]) {}

  // @ts-expect-error how many at most has to be said
  @IdempotentConsumer(PaymentSucceeded, { group: 'no-max', batch: {} })
  noMax(_paid: Payment[]) {}

  // @ts-expect-error a batch has one transaction
  @IdempotentConsumer(PaymentSucceeded, { group: 'shared', batch: { max: 100 }, perTransaction: 10 })
  shared(_paid: Payment[]) {}

  // @ts-expect-error single ones are spoken of in the batch
  @IdempotentConsumer(PaymentSucceeded, { group: 'manual', batch: { max: 100 }, ack: 'manual' })
  manual(_paid: Payment[]) {}

  // @ts-expect-error forgets the ACK
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'forgets', batch: { max: 100 } })
  async forgets(_paid: Payment[], _batch: AtLeastOnceBatch<Payment>) {}
}

export class DoesNotFit {
  // @ts-expect-error another payload
  @IdempotentConsumer(PaymentSucceeded, { group: 'other-payload' })
  otherPayload(_paid: { orderId: string }) {}

  // @ts-expect-error a property of another type
  @IdempotentConsumer(PaymentSucceeded, { group: 'other-type' })
  otherType(_paid: { paymentId: number }) {}

  // @ts-expect-error a property that the topic doesn't have
  @IdempotentConsumer(PaymentSucceeded, { group: 'missing' })
  missing(_paid: Payment & { currency: string }) {}

  // @ts-expect-error a third parameter
  @IdempotentConsumer(PaymentSucceeded, { group: 'extra' })
  extra(_paid: Payment, _delivery: DeliveryContext, _more: string) {}

  // @ts-expect-error the delivery of the other kind of consumer
  @IdempotentConsumer(PaymentSucceeded, { group: 'other-delivery' })
  otherDelivery(_paid: Payment, _delivery: AtLeastOnceDelivery) {}

  // @ts-expect-error covers only one of its topics
  @IdempotentConsumer(PaymentRefunded, { group: 'half' })
  @IdempotentConsumer(PaymentSucceeded, { group: 'half' })
  half(_paid: PayloadOf<typeof PaymentSucceeded>) {}

  // @ts-expect-error the schema's input where its output comes
  @IdempotentConsumer(Ordered, { group: 'schema-input' })
  input(_order: PublishedBy<typeof Ordered>) {}

  // @ts-expect-error forgets the ACK
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'forgets' })
  async forgets(_paid: Payment, _delivery: AtLeastOnceDelivery) {}

  // @ts-expect-error returns it on one path only
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'one-path' })
  async onePath(paid: Payment, delivery: AtLeastOnceDelivery) {
    return paid.amount > 0 ? delivery.ack() : undefined;
  }

  // @ts-expect-error a group is needed
  @IdempotentConsumer(PaymentSucceeded, {})
  noGroup(_paid: Payment) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'compared', fingerprint: true })
  compared(_paid: Payment) {}

  // @ts-expect-error without a dedup row there is nothing to compare with
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'not-compared', fingerprint: true })
  async notCompared(_paid: Payment, delivery: AtLeastOnceDelivery) {
    return delivery.ack();
  }

  // @ts-expect-error without a dedup row there is no scenario
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'no-dedup', scenario: 'payments' })
  async noDedup(_paid: Payment, delivery: AtLeastOnceDelivery) {
    return delivery.ack();
  }
}

defineTopic({
  name: 'schema.biz-id',
  schema: z.object({ id: z.string(), at: z.string().transform((iso) => new Date(iso)) }),
  // @ts-expect-error the biz-id is read from the schema's input, where it is a text
  bizId: (order) => order.at.toISOString(),
});

export async function publishing(outbox: OutboxPublisher) {
  await outbox.publish(PaymentSucceeded, { paymentId: 'P-1', userId: 'U-1', amount: 1 });
  await outbox.publish(Ordered, { id: 'O-1', at: '2026-01-01T00:00:00Z' });
  // @ts-expect-error a property is missing
  await outbox.publish(PaymentSucceeded, { paymentId: 'P-1', userId: 'U-1' });
  // @ts-expect-error the schema's output where its input is stored
  await outbox.publish(Ordered, { id: 'O-1', at: new Date() });
  // @ts-expect-error an option that doesn't exist
  await outbox.publish(PaymentRefunded, { refundId: 'R-1' }, { priority: 1 });
  await outbox.publish(PaymentRefunded, { refundId: 'R-1' }, { orderingKey: 'account-7' });
  await outbox.publishAll(PaymentRefunded, [{ refundId: 'R-1' }], {
    orderingKey: ({ refundId }) => refundId,
  });
  // @ts-expect-error a key is a string
  await outbox.publish(PaymentRefunded, { refundId: 'R-1' }, { orderingKey: 7 });
  // @ts-expect-error one message, one key
  await outbox.publish(PaymentRefunded, { refundId: 'R-1' }, { orderingKey: () => 'R-1' });
  // @ts-expect-error a property that the payload doesn't have
  await outbox.publishAll(PaymentRefunded, [], { orderingKey: (refund) => refund.paymentId });
  // @ts-expect-error what publish returns is nothing: no id of the message
  const id: string = await outbox.publish(PaymentRefunded, { refundId: 'R-1' });
  return id;
}

export function keyOf(delivery: DeliveryContext | AtLeastOnceDelivery): string {
  // @ts-expect-error there may be none
  return delivery.orderingKey;
}

export function innerMsgIdIsHidden(delivery: DeliveryContext) {
  // @ts-expect-error the business never sees it
  return delivery.innerMsgId as unknown;
}

defineTopic<Payment>({
  name: 'wrong.biz-id',
  // @ts-expect-error a biz-id is a string
  bizId: (paid) => paid.amount,
});
