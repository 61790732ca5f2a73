import type { SendAnswer, Transport } from '../port.js';
import type { TransportCapabilities } from '../capabilities.js';

/*
 * What an engine has to do that takes the broker's place: RabbitMQ or NATS JetStream, say. It carries messages from senders to groups, keeps
 * them until they are done with, and knows nothing else. What is missing for a transport (backoff, attempts, dead letters,
 * order) the library does in the consumer's own database.
 */

/** A message as it travels through an engine, the same bytes at both ends. */
export interface EngineMessage {
  readonly topic: string;
  /** 16 bytes; a UUIDv7. The same for every copy of one message: JetStream takes it as `Nats-Msg-Id`. */
  readonly innerMsgId: Buffer;
  readonly bizId: Buffer;
  readonly body: Buffer;
  readonly headers: Buffer | null;
  readonly orderingKey: Buffer | undefined;
  /** Microseconds since 1970 UTC. */
  readonly expiresAt: number | undefined;
}

/** Whose messages. */
export interface EngineSubscription {
  readonly topic: string;
  readonly group: string;
}

/** A message that an engine has handed to one consumer of a group, and waits to hear of. */
export interface EngineDelivery {
  readonly message: EngineMessage;
  /** When its sender gave it to the engine, by the sender's clock, in microseconds since 1970 UTC. */
  readonly landedAt: number;
  /** It was handed out before, to somebody who has not said what became of it. */
  readonly redelivered: boolean;
  /** The engine has given it to somebody else by now, or will: neither of the two below does anything any more. */
  readonly isLost: boolean;
  /** It is done with, and never comes again. @returns false when it was lost */
  acknowledge(): boolean;
  /** It is to be handed out again, to whomever. @returns false when it was lost */
  requeue(): boolean;
  /** It is still wanted, for an engine that would hand it out again otherwise. Called each second while it is. */
  renew?(): void;
}

/** What a consumer is handed, and told. */
export interface EngineReceiver {
  /** From now on it is handed what there is: at first, and each time after `lost`. */
  begun(): void;
  /**
   * What has an ordering key comes in the order of its key, and the next one of the key only when this one is done with.
   */
  arrived(delivery: EngineDelivery): void;
  /** All that was handed out and not acknowledged is lost: the connection broke, or the queue is gone. */
  lost(): void;
}

/** What an engine tells, for the log. */
export interface EngineEars {
  warn(line: string): void;
}

export interface MessageEngine {
  /** For messages, without a password: `rabbitmq://queue.internal:5672/orders`. */
  readonly name: string;
  readonly capabilities: TransportCapabilities;
  /**
   * For how long it knows what it was sent, so that a re-send is stored once, in milliseconds. It is checked at the start
   * against how long a relay takes to send the same again. Left out: it never knows.
   */
  readonly resendsKnownMs?: number | undefined;

  /**
   * Begins to connect, and goes on for as long as it takes.
   *
   * @returns whether it could be reached just now
   * @throws what is wrong with it and won't pass by itself
   */
  open(ears: EngineEars): Promise<boolean>;

  /** 16 bytes that tell this engine's data from any other's. An engine that lost everything has another one. */
  identify(): Promise<Buffer>;

  /**
   * Asked before a relay takes anything from its outbox.
   *
   * @throws where it is away, or takes nothing from publishers for now
   */
  expectPublish(): Promise<void>;

  /**
   * Steps 1 to 3. Answers `landed` only when each group that is subscribed has the message safe; `refused` where nobody
   * can have it yet. In the order given, for those of one key.
   */
  publish(messages: readonly EngineMessage[]): Promise<SendAnswer[]>;

  /** From the moment that this resolves, the group is given every message that is published. May be repeated. */
  subscribe(subscription: EngineSubscription): Promise<void>;

  /** Takes the group's messages and its subscription away for good. May be repeated. */
  unsubscribe(subscription: EngineSubscription): Promise<void>;

  /**
   * Begins to hand out what the group has, and goes on, through any loss of the connection, until it is stopped.
   *
   * @param concurrency how many the consumer handles at once
   * @returns how to stop it; what was handed out and is not acknowledged goes to others then
   */
  consume(
    subscription: EngineSubscription,
    concurrency: number,
    receiver: EngineReceiver,
  ): Promise<() => Promise<void>>;

  /**
   * When the oldest landed that the group has not acknowledged, or one before it, in microseconds since 1970 UTC; undefined:
   * there is none. Left out by an engine that can't be asked: then it is told from what it has handed out.
   *
   * @throws where nobody can know for now; then nothing is forgotten of what the group has handled
   */
  oldest?(subscription: EngineSubscription): Promise<number | undefined>;

  close(): Promise<void>;
}

/** The option `broker` of an engine that takes the broker's place, as `rabbitmq({ url })` returns it. */
export interface BrokerByEngine {
  /** Makes the engine, and connects to nothing yet: each instance of the module has its own. */
  engine: () => MessageEngine;
  /** Puts something between this process and the broker: a test loses ACKs here. */
  through?: (broker: Transport) => Transport;
}
