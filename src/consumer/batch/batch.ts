import type { EntityManager } from 'typeorm';
import type { AnyTopic, PayloadOf } from '../../topic/index.js';
import type { DiscoveredConsumer } from '../consumer.explorer.js';
import { ACKED, ackTooLate, partsOf } from '../delivery.js';
import type { HeldDelivery } from '../held-delivery.js';
import {
  AtLeastOnceBatch,
  AtLeastOnceBatchedDelivery,
  BatchContext,
  BatchedDelivery,
} from './batch-context.js';
import type { Verdicts } from './verdicts.js';

/** A delivery whose body was read. */
export interface ReadDelivery {
  held: HeldDelivery;
  payload: unknown;
}

/** What all handlers of batches see of one. */
function commonParts({ topic, options }: DiscoveredConsumer, members: readonly ReadDelivery[]) {
  return {
    topic: topic.name,
    group: options.group,
    payloadsOf: <T extends AnyTopic>(of: T) =>
      of.name === topic.name ? (payloadsOf(members) as PayloadOf<T>[]) : undefined,
  };
}

/** In an array of its own: the handler may do with it what it likes. */
export function payloadsOf(members: readonly ReadDelivery[]): unknown[] {
  return members.map(({ payload }) => payload);
}

export function idempotentBatch(
  consumer: DiscoveredConsumer,
  members: readonly ReadDelivery[],
  { manager, signal, verdicts }: { manager: EntityManager; signal: AbortSignal; verdicts: Verdicts },
): BatchContext {
  const deliveries = members.map(({ held, payload }) =>
    make<BatchedDelivery>(BatchedDelivery, { ...partsOf(held), payload, ...verdicts.of(held) }),
  );
  return make<BatchContext>(BatchContext, {
    ...commonParts(consumer, members),
    deliveries,
    manager,
    signal,
  });
}

/** @param acknowledge resolves with whether the lease still held */
export function atLeastOnceBatch(
  consumer: DiscoveredConsumer,
  members: readonly ReadDelivery[],
  {
    signal,
    verdicts,
    acknowledge,
  }: { signal: AbortSignal; verdicts: Verdicts; acknowledge: (held: HeldDelivery) => Promise<boolean> },
): AtLeastOnceBatch {
  const ack = async (held: HeldDelivery) => {
    if (!(await acknowledge(held))) throw ackTooLate(held);
  };
  const deliveries = members.map(({ held, payload }) =>
    make<AtLeastOnceBatchedDelivery>(AtLeastOnceBatchedDelivery, {
      ...partsOf(held),
      payload,
      ...verdicts.of(held),
      ack: () => heard(ack(held)),
    }),
  );
  const ackAll = async () => {
    const rest = members.filter(({ held }) => !verdicts.said.has(held));
    await Promise.all(rest.map(({ held }) => acknowledge(held)));
    return ACKED;
  };
  return make<AtLeastOnceBatch>(AtLeastOnceBatch, {
    ...commonParts(consumer, members),
    deliveries,
    signal,
    ack: () => heard(ackAll()),
  });
}

/** A handler that doesn't await it hears nothing of a failure, but the delivery comes again. */
function heard<T>(work: Promise<T>): Promise<T> {
  work.catch(() => undefined);
  return work;
}

function make<T extends object>(of: { prototype: T }, parts: T): T {
  return Object.assign(Object.create(of.prototype) as T, parts);
}
