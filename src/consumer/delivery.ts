import type { EntityManager } from 'typeorm';
import { LeaseLostError } from '../errors/index.js';
import type { ScopeDelivery } from '../storage/index.js';
import type { AnyTopic, PayloadOf } from '../topic/index.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import { type Acked, AtLeastOnceDelivery, DeliveryContext } from './delivery-context.js';
import type { HeldDelivery } from './held-delivery.js';

export const ACKED = Object.freeze({}) as Acked;

/** What all handlers see of a delivery. inner-msg-id is not among it. */
export function partsOf(held: HeldDelivery) {
  return {
    bizId: held.bizId,
    attempt: held.attempt,
    orderingKey: held.orderingKey,
    headers: held.headers,
    publishedAt: held.claimed.landedAt,
  };
}

export function scopeDelivery(
  { name, options, topic }: DiscoveredConsumer,
  { bizId }: HeldDelivery,
): ScopeDelivery {
  return { consumer: name, group: options.group, topic: topic.name, bizId };
}

/** What the handlers of both kinds see of one that comes alone. */
function commonParts({ topic, options }: DiscoveredConsumer, held: HeldDelivery, payload: unknown) {
  return {
    ...partsOf(held),
    topic: topic.name,
    group: options.group,
    signal: held.signal,
    payloadOf: <T extends AnyTopic>(of: T) =>
      of.name === topic.name ? (payload as PayloadOf<T>) : undefined,
  };
}

export interface IdempotentDelivery {
  context: DeliveryContext;
  wasAcked(): boolean;
}

export function idempotentDelivery(
  consumer: DiscoveredConsumer,
  held: HeldDelivery,
  payload: unknown,
  manager: EntityManager,
): IdempotentDelivery {
  let acked = false;
  const context: DeliveryContext = Object.assign(
    Object.create(DeliveryContext.prototype) as DeliveryContext,
    {
      ...commonParts(consumer, held, payload),
      manager,
      ack: () => {
        acked = true;
        return ACKED;
      },
    },
  );
  return { context, wasAcked: () => acked };
}

export function atLeastOnceDelivery(
  consumer: DiscoveredConsumer,
  held: HeldDelivery,
  payload: unknown,
  acknowledge: () => Promise<boolean>,
): AtLeastOnceDelivery {
  return Object.assign(Object.create(AtLeastOnceDelivery.prototype) as AtLeastOnceDelivery, {
    ...commonParts(consumer, held, payload),
    ack: () => {
      const acked = acknowledge().then((wasHeld) => {
        if (wasHeld) return ACKED;
        throw ackTooLate(held);
      });
      // A handler that doesn't await it hears nothing of a failure, but the delivery comes again.
      acked.catch(() => undefined);
      return acked;
    },
  });
}

export function ackTooLate({ bizId }: HeldDelivery): LeaseLostError {
  return new LeaseLostError(
    `The ACK of ${bizId} came too late: its lease ran out, and the delivery belongs to somebody else by now.`,
  );
}
