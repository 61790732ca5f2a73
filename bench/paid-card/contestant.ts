import type { Payment } from './payment.js';
import type { ServerKind } from './servers/kinds.js';

/** Where a contestant's data are in one round: nobody else's are. */
export interface Place {
  /** Of its databases and queues. */
  readonly name: string;
  readonly urls: Partial<Record<ServerKind, string>>;
  /** Of the broker service, for those that have one. */
  readonly service?: string;
}

/** Of the database that the broker has, where it has one of its own. */
export function brokerNameOf({ name }: Place): string {
  return `${name}_broker`;
}

export interface ConsumerSide {
  /** Messages handled at once. */
  readonly concurrency: number;
  /** First thing in a handler; the bench holds consumers back here until all of them have come up. */
  begin(): Promise<void>;
  /** When its effect is committed; or later, where nobody tells of that. */
  effect(paymentId: string): void;
}

/** One process of a contestant. */
export interface Opened {
  /**
   * Pays: the business's row and the message. Resolves when both are as safe as they get.
   *
   * @returns when the payment was committed (clock.ts), where the message is not committed with it; undefined: just now
   */
  pay(payment: Payment): Promise<number | void>;
  /** Takes no more messages, and ends what has begun. */
  close(): Promise<void>;
}

export interface OpenOptions {
  /** Payments made at once; 0: this process makes none. */
  readonly payers: number;
  readonly consumer?: ConsumerSide;
}

export interface Contestant {
  readonly name: string;
  readonly label: string;
  readonly family: 'ours' | 'limit' | 'peer';
  readonly servers: readonly ServerKind[];
  /** Where the business's rows are. */
  readonly business: 'mariadb' | 'mysql' | 'postgres';
  /** What was set for the sake of speed, and what each message costs. */
  readonly settings: string;
  /** Where its guarantee is weaker than "one card for each payment, whatever dies when". */
  readonly weaker?: string;
  /** Whether a service of ours stands between the two. */
  readonly hasService?: boolean;
  /** Handed-written programs that show a limit have nothing to say about waiting. */
  readonly throughputOnly?: boolean;
  /** Databases, tables, queues, and a subscription, so that what is published waits for the consumers. */
  create(place: Place): Promise<void>;
  open(place: Place, options: OpenOptions): Promise<Opened>;
  /** Whether all that was paid can be consumed, where a relay stands between; left out: as soon as it is paid. */
  landed?(place: Place): Promise<boolean>;
  /** Messages that are not gone. */
  left(place: Place): Promise<number>;
  drop(place: Place): Promise<void>;
}
