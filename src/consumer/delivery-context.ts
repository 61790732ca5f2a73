import type { EntityManager } from 'typeorm';
import type { AnyTopic, PayloadOf } from '../topic/index.js';

declare const acked: unique symbol;

/** The proof that `ack()` was called: what a handler of an at-least-once consumer has to return. */
export interface Acked {
  readonly [acked]: true;
}

/** What every handler gets beside the payload. Abstract classes, because decorator metadata needs a value to refer to. */
abstract class AnyDelivery {
  abstract readonly topic: string;
  abstract readonly group: string;
  abstract readonly bizId: string;
  /** 1 for the first attempt. */
  abstract readonly attempt: number;
  /** What it was published under; of one group and topic, nothing else of this key is handled meanwhile. */
  abstract readonly orderingKey: string | undefined;
  abstract readonly headers: ReadonlyMap<string, string>;
  /** When the message landed, by the database's clock. */
  abstract readonly publishedAt: Date;
  /**
   * Aborts when the handler's time is up, its lease is lost, or the process begins to shut down. Pass it to what may be cut
   * off. A listener of your own must not throw: Node ends the process for that.
   */
  abstract readonly signal: AbortSignal;
  /** The payload if the delivery is of this topic: for handlers of several topics. */
  abstract payloadOf<T extends AnyTopic>(topic: T): PayloadOf<T> | undefined;
}

/** The delivery as an `@IdempotentConsumer` handler sees it. */
export abstract class DeliveryContext extends AnyDelivery {
  /** Writes in the transaction that also holds the dedup row and the ACK. All of the effect goes through it. */
  abstract readonly manager: EntityManager;
  /** Says that the business is done; needed only with `ack: 'manual'`. It takes effect with the COMMIT. */
  abstract ack(): Acked;
}

/** The delivery as an `@AtLeastOnceConsumer` handler sees it. */
export abstract class AtLeastOnceDelivery extends AnyDelivery {
  /**
   * Says that the business is done, and resolves when the broker has taken it.
   *
   * @throws LeaseLostError when the delivery belongs to somebody else by now
   */
  abstract ack(): Promise<Acked>;
}
