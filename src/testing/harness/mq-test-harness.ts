import type { INestApplicationContext } from '@nestjs/common';
import type { DeadLetter, DeadLetterListOptions } from '../../broker/index.js';
import type { AnyTopic, PublishedBy } from '../../topic/index.js';
import { checkMs } from '../check-ms.js';
import { letPass } from '../statements/let-pass.js';
import { drain } from './drain.js';
import { DeliveriesHandedOut, type DeliverySelector } from './handed-out.js';
import { LostAcks } from './lost-acks.js';
import { Published, type PublishedExpectation, type PublishedMessage } from './published.js';
import { type TestedRuntime, runtimeOf } from './runtime-of.js';
import { UnderWay } from './under-way.js';

export interface MqTestHarnessOptions {
  /** Of the instance: `forRoot({ name })`. @default the one without a name */
  name?: string;
}

/** Under Jest's own five seconds, so that a test says what was left. Milliseconds. */
const DRAIN_MS = 4_000;

/**
 * What a test needs of an app with its queue: to wait without sleeping, to see what was published, and to have happen what
 * happens rarely. Make it as soon as the app is initialised: what was published or delivered before, it has not seen.
 */
export class MqTestHarness {
  private readonly runtime: TestedRuntime;
  private readonly underWay: UnderWay;
  private readonly messages: Published;
  /** @internal */
  readonly handedOut: DeliveriesHandedOut;
  private readonly lostAcks: LostAcks;

  /**
   * @param app a Nest app or a TestingModule, after `init()`
   * @throws ConfigurationError when there is no such instance, or its broker is a service or an engine, into which nobody looks from here
   */
  constructor(app: INestApplicationContext, { name }: MqTestHarnessOptions = {}) {
    this.runtime = runtimeOf(app, name);
    this.underWay = new UnderWay(this.runtime.events);
    this.messages = new Published(this.runtime);
    this.handedOut = new DeliveriesHandedOut(this.runtime);
    this.lostAcks = new LostAcks(this.runtime, this.handedOut, this.underWay);
  }

  /**
   * Resolves when nothing is on its way any more: the outbox is empty, no delivery is due or leased, no handler runs. What
   * waits for its time (a delay, a backoff) is not waited for: {@link jumpClock}.
   *
   * @param options.timeoutMs in milliseconds. @default 4000
   * @throws AssertionError saying what still is on its way, or that it never comes to rest
   */
  async drain({ timeoutMs = DRAIN_MS }: { timeoutMs?: number } = {}): Promise<void> {
    checkMs('drain({ timeoutMs })', timeoutMs);
    await drain(this.runtime, this.underWay, timeoutMs);
  }

  /** What was published on this topic in transactions that have committed, in their order. */
  published<T extends AnyTopic>(topic: T): PublishedMessage<PublishedBy<T>>[] {
    return this.messages.of(topic);
  }

  /** @throws AssertionError saying what was published on the topic instead */
  expectPublished<T extends AnyTopic>(
    topic: T,
    expectation: PublishedExpectation<PublishedBy<T>> = {},
  ): void {
    this.messages.expect(topic, expectation);
  }

  /** @throws AssertionError saying what was published on the topic */
  expectNotPublished<T extends AnyTopic>(
    topic: T,
    expectation: Omit<PublishedExpectation<PublishedBy<T>>, 'times'> = {},
  ): void {
    this.messages.expectNot(topic, expectation);
  }

  /**
   * Delivers messages once more that were through: the very same ones, as after an ACK (5) that got lost. In one database,
   * where no ACK is lost without its effect, copies of them: as of a sender that repeats itself. `drain()` waits for them.
   *
   * @returns how many deliveries there are
   * @throws AssertionError when there was none, or one is not through
   */
  redeliver(topic: AnyTopic, which: DeliverySelector = {}): Promise<number> {
    return this.handedOut.redeliver({ topic: topic.name, ...which });
  }

  /**
   * Loses the next ACK: 3, of the broker to a relay, which sends the same again after `relay.delayMs`; or 5, of a consumer
   * to the broker, which delivers the same again. In one database the ACK (5) is part of the COMMIT: there it does what
   * {@link redeliver} does, as soon as the next delivery is through.
   *
   * @throws ConfigurationError for 3 in one database, where there is none
   */
  loseNextAck(step: 3 | 5): void {
    this.lostAcks.lose(step);
  }

  /**
   * Lets time pass, in the tables: what is delayed, scheduled, leased or in backoff becomes due, and what expires does. The
   * handlers that run meanwhile lose their leases (on SQLite it waits for them, who have the one write lock). Neither the
   * database's clock nor the process's is touched.
   *
   * @param ms milliseconds
   * @throws InvalidOptionError unless it is a whole number
   */
  async jumpClock(ms: number): Promise<void> {
    checkMs('jumpClock(ms)', ms);
    const { brokerConnections: broker, connections: app } = this.runtime;
    await broker.controlTransaction((on) => letPass(broker.database, on, ms));
    if (app !== broker) await app.controlTransaction((on) => letPass(app.database, on, ms));
  }

  /**
   * Takes its hands off the app, of which it sees nothing any more: where one app serves several tests, each with a harness
   * of its own. The app goes on. May be called again, and in any order.
   */
  close(): void {
    for (const part of [this.lostAcks, this.handedOut, this.messages, this.underWay]) part.close();
  }

  /** What is not tried any more, newest first. */
  deadLetters(options?: DeadLetterListOptions): Promise<DeadLetter[]> {
    return this.runtime.operated.deadLetters.list(options);
  }
}
