import type { EntityManager } from 'typeorm';
import { LeaseLostError } from '../errors/index.js';
import type { AnyTopic, PayloadOf } from '../topic/index.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import { type Acked, AtLeastOnceDelivery, DeliveryContext } from './delivery-context.js';
import type { HeldDelivery } from './held-delivery.js';

const ACKED = Object.freeze({}) as Acked;

/** What the handlers of both kinds see of a delivery. inner-msg-id is not among it. */
function commonParts({ topic, options }: DiscoveredConsumer, held: HeldDelivery, payload: unknown) {
  return {
    topic: topic.name,
    group: options.group,
    bizId: held.bizId,
    attempt: held.attempt,
    orderingKey: held.orderingKey,
    headers: held.headers,
    publishedAt: held.claimed.landedAt,
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
        throw new LeaseLostError(
          `The ACK of ${held.bizId} came too late: its lease ran out, and the delivery belongs to somebody else by now.`,
        );
      });
      // A handler that doesn't await it hears nothing of a failure, but the delivery comes again.
      acked.catch(() => undefined);
      return acked;
    },
  });
}
