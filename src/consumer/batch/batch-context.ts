import type { EntityManager } from 'typeorm';
import type { AnyTopic, PayloadOf } from '../../topic/index.js';
import type { Acked } from '../delivery-context.js';

/**
 * One delivery of a batch. What the handler says of it here is for this one alone: its error, if any, is none of the
 * others'. What it says last holds.
 */
abstract class AnyBatchedDelivery<Payload> {
  abstract readonly payload: Payload;
  abstract readonly bizId: string;
  /** 1 for the first attempt. What has failed before comes by itself, as a batch of one. */
  abstract readonly attempt: number;
  /** What it was published under. A batch has at most one delivery of each key. */
  abstract readonly orderingKey: string | undefined;
  abstract readonly headers: ReadonlyMap<string, string>;
  /** When the message landed, by the database's clock. */
  abstract readonly publishedAt: Date;
  /** Into the dead letters with it, at once; as `RejectMessageError` says of a message that comes alone. */
  abstract reject(reason: string | Error): void;
  /**
   * Again later; it costs no attempt. As `RetryLaterError` says of a message that comes alone.
   *
   * @throws InvalidOptionError unless `delayMs` is a number of milliseconds from 0 to ten years
   */
  abstract retryLater(options: { delayMs: number; reason?: string }): void;
  /** It has failed with this error, which counts: it comes again after its backoff, or goes to the dead letters. */
  abstract fail(error: unknown): void;
}

/** One delivery of a batch of an `@IdempotentConsumer`. What is said of it undoes the whole, which is then run without it. */
export abstract class BatchedDelivery<Payload = unknown> extends AnyBatchedDelivery<Payload> {}

/** One delivery of a batch of an `@AtLeastOnceConsumer`. */
export abstract class AtLeastOnceBatchedDelivery<Payload = unknown> extends AnyBatchedDelivery<Payload> {
  /**
   * Says that the business is done with this one, and resolves when the broker has taken it. Whatever happens to the
   * others, it does not come again.
   *
   * @throws LeaseLostError when the delivery belongs to somebody else by now
   */
  abstract ack(): Promise<void>;
}

/** What every handler of batches gets beside the payloads. */
abstract class AnyBatch {
  abstract readonly topic: string;
  abstract readonly group: string;
  /** Aborts when the handler's time is up, a lease of the batch is lost, or the process begins to shut down. */
  abstract readonly signal: AbortSignal;
  /** The payloads if the batch is of this topic: for handlers of several topics. */
  abstract payloadsOf<T extends AnyTopic>(topic: T): PayloadOf<T>[] | undefined;
}

/** A batch as the handler of an `@IdempotentConsumer` sees it. */
export abstract class BatchContext<Payload = unknown> extends AnyBatch {
  /** In the order of the payloads. */
  abstract readonly deliveries: readonly BatchedDelivery<Payload>[];
  /** Writes in the one transaction that also holds all dedup rows and all ACKs. All of the effect goes through it. */
  abstract readonly manager: EntityManager;
}

/** A batch as the handler of an `@AtLeastOnceConsumer` sees it. */
export abstract class AtLeastOnceBatch<Payload = unknown> extends AnyBatch {
  /** In the order of the payloads. */
  abstract readonly deliveries: readonly AtLeastOnceBatchedDelivery<Payload>[];
  /**
   * Acknowledges all of which nothing was said, and resolves when the broker has taken it. Those whose leases were lost
   * come again, elsewhere.
   */
  abstract ack(): Promise<Acked>;
}
