/*
 * What the library tells of the way of its messages to somebody who draws spans of it, such as OpenTelemetry's of
 * `nestjs-idempotent-mq/opentelemetry`. Nothing is made and nobody is called where there is no such one. Whatever it throws is
 * told once in the log, and disturbs nothing.
 */

/** The option `tracing`. Each method begins a span. */
export interface MessageTracing {
  /** `publish` or `publishAll` was called. Its caller's span is the active one. */
  publish(published: PublishedMessages): MessageSpan;
  /** A relay sends a message (1), and waits for its ACK (3). */
  relay(message: RelayedMessage): MessageSpan;
  /** A consumer was given a delivery (4), and begins an attempt. */
  handle(delivery: HandledDelivery): MessageSpan;
  /** Some of these are handled together. `of` has the spans of each. */
  handleTogether(handled: HandledTogether, of: readonly MessageSpan[]): MessageSpan;
}

export interface MessageSpan {
  /** What is to travel with the messages of a publish, for whoever receives them to go on from. Names and values. */
  context(): Iterable<readonly [string, string]>;
  /** Runs work in the span: what it begins hangs on it. Calls `work` at once. */
  run<T>(work: () => T): T;
  /** What has become known of it. Of what is said again, the last holds. */
  note(facts: SpanFacts): void;
  /** @param error what made it fail, if it did */
  end(error?: unknown): void;
}

export interface SpanFacts {
  readonly bizId?: string;
  /**
   * Of a relay: `landed`, `duplicate`, `quarantined`, `refused` or `ack-missed`. Of a delivery, the event that says it:
   * `acknowledged`, `duplicate-absorbed`, `retry-scheduled`, `dead-lettered`, `given-back`, `lease-lost`, `ack-lost`,
   * `commit-unknown`. Of several together: `acknowledged`, or `incomplete` where not all of them were.
   */
  readonly outcome?: string;
  /** Why it is in the dead letters. */
  readonly reason?: string;
}

export interface PublishedMessages {
  readonly topic: string;
  readonly count: number;
  /** In hexadecimal digits. Undefined where there are several. */
  readonly innerMsgId: string | undefined;
  /** Whether they wait in an outbox, for a relay to send them. */
  readonly toOutbox: boolean;
}

interface AboutMessage {
  readonly topic: string;
  readonly bizId: string;
  /** In hexadecimal digits. */
  readonly innerMsgId: string;
  /** What has travelled with it. */
  readonly context: ReadonlyMap<string, string>;
}

export interface RelayedMessage extends AboutMessage {
  /** How often it was sent, this time included. */
  readonly sends: number;
}

export interface HandledDelivery extends AboutMessage {
  readonly group: string;
  /** 1 for the first. */
  readonly attempt: number;
  /** When this process was given it, by its own clock. */
  readonly claimedAt: Date;
}

export interface HandledTogether {
  readonly topic: string;
  readonly group: string;
  readonly count: number;
  /** One handler gets all of them, or each its own and they share a transaction. */
  readonly manner: 'batch' | 'transaction';
}
