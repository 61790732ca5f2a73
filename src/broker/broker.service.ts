import type { DataSource, QueryRunner } from 'typeorm';
import type { IdempotentMqEvents } from '../events/index.js';
import type { AttemptRecord, Connection, Lease, LibraryConnections, Timing } from '../storage/index.js';
import { Cancelling } from './cancel.js';
import { DeadLetters } from './dead-letters.js';
import { type ClaimRequest, Delivering } from './deliver.js';
import { Dropping } from './drop.js';
import { Groups } from './groups.js';
import { type IncomingMessage, Landing, type LandingLimits } from './land.js';
import { LandedBell } from './landed-bell.js';
import { PublishingTransactions } from './publishing-transactions.js';
import { type SubscribeRequest, Subscriptions } from './subscriptions.js';
import { Sweeper } from './sweeper.js';
import { TakingAcks } from './take-acks.js';
import { Topics } from './topics.js';
import { Unrouted } from './unrouted.js';

export interface BrokerOptions {
  landing: LandingLimits;
  unroutedMs: number;
  sweepIntervalMs: number;
  dropDelayMs: number;
  onSweepError: (error: unknown) => void;
}

/**
 * The MQ-server: it stores messages (2), delivers them (4), takes ACKs (5) and deletes what nobody needs any more (6).
 * Each step has a file of its own in this folder.
 */
export class BrokerService {
  readonly deadLetters: DeadLetters;
  readonly groups: Groups;
  private readonly topics: Topics;
  private readonly subscriptions: Subscriptions;
  private readonly landing: Landing;
  private readonly cancelling: Cancelling;
  private readonly delivering: Delivering;
  private readonly acks: TakingAcks;
  private readonly dropping: Dropping;
  private readonly sweeper: Sweeper;
  private readonly bell: LandedBell;
  private readonly transactions: PublishingTransactions;

  /** @internal */
  constructor(
    dataSource: DataSource,
    connections: LibraryConnections,
    events: IdempotentMqEvents,
    options: BrokerOptions,
  ) {
    this.topics = new Topics(connections);
    this.subscriptions = new Subscriptions(connections, this.topics);
    this.transactions = new PublishingTransactions(dataSource, connections.database.dialect);
    this.landing = new Landing(connections, this.topics, this.transactions, options.landing);
    this.cancelling = new Cancelling(connections, this.topics);
    this.groups = new Groups(connections);
    this.delivering = new Delivering(connections, events);
    this.acks = new TakingAcks(connections);
    this.dropping = new Dropping(connections, events, options.dropDelayMs);
    this.deadLetters = new DeadLetters(connections, this.dropping);
    const unrouted = new Unrouted(connections, events, options.unroutedMs);
    this.sweeper = new Sweeper(this.dropping, unrouted, this.subscriptions, {
      intervalMs: options.sweepIntervalMs,
      onError: options.onSweepError,
    });
    this.bell = new LandedBell(dataSource, ({ topic, count, parked }) => {
      events.emit({ type: 'published', topic, count });
      if (parked > 0) events.emit({ type: 'parked', topic, count: parked });
    });
  }

  /** @internal A broker in the app's own database: see ColocatedBroker. */
  get colocated(): this {
    return this;
  }

  /** @internal */
  registerTopics(names: readonly string[]): Promise<void> {
    return this.topics.register(names);
  }

  async subscribe(request: SubscribeRequest) {
    const id = await this.subscriptions.subscribe(request);
    return { id, topic: request.topic, group: request.group };
  }

  /** Removes a group's subscription for good, with its deliveries. Its version and older ones don't come back. */
  removeSubscription(request: SubscribeRequest): Promise<void> {
    return this.subscriptions.remove(request);
  }

  /** @internal */
  async land(
    runner: QueryRunner,
    topic: string,
    messages: readonly IncomingMessage[],
    timing?: Timing,
  ): Promise<void> {
    const parked = await this.transactions.join(runner, () =>
      this.landing.land(runner, topic, messages, timing),
    );
    this.bell.expect(runner, { topic, count: messages.length, parked });
  }

  /** @internal Takes back messages whose time has not come, in the transaction of this runner. @returns how many there were */
  cancel(runner: QueryRunner, topic: string, bizId: Buffer): Promise<number> {
    return this.transactions.join(runner, () => this.cancelling.cancel(runner, topic, bizId));
  }

  /** @internal */
  onLanded(topic: string, listener: () => void): () => void {
    return this.bell.listen(topic, listener);
  }

  /** @internal */
  claim(request: ClaimRequest) {
    return this.delivering.claim(request);
  }

  /** @internal */
  claimAlone(request: Omit<ClaimRequest, 'after' | 'limit'> & { seq: number }) {
    return this.delivering.claimAlone(request);
  }

  /** @internal */
  poll(subscription: { id: number }, after: number) {
    return this.delivering.poll(subscription, after);
  }

  /** @internal */
  acknowledge(held: Lease): Promise<boolean> {
    return this.acks.acknowledge(held);
  }

  /** @internal */
  groupOf(subscriptionId: number): Promise<string | undefined> {
    return this.groups.nameOf(subscriptionId);
  }

  /** @internal */
  acknowledgeWithin(on: Connection, held: Lease): Promise<boolean> {
    return this.acks.acknowledgeWithin(on, held);
  }

  /** @internal */
  acknowledgeWithEffect(
    on: Connection,
    held: Lease,
    dedup: { scenarioId: number; bizId: Buffer; token: Buffer },
  ) {
    return this.acks.acknowledgeWithEffect(on, held, dedup);
  }

  /** @internal */
  retryLater(held: Lease, attempt: AttemptRecord, delayMs: number): Promise<boolean> {
    return this.acks.retryLater(held, attempt, delayMs);
  }

  /** @internal */
  deadLetter(held: Lease, attempt: AttemptRecord, reason: string): Promise<boolean> {
    return this.acks.deadLetter(held, attempt, reason);
  }

  /** @internal */
  giveBack(held: Lease, delayMs: number): Promise<boolean> {
    return this.acks.giveBack(held, delayMs);
  }

  /** @internal */
  extend(subscription: { id: number }, held: readonly Lease[], leaseMs: number): Promise<Lease[]> {
    return this.acks.extend(subscription, held, leaseMs);
  }

  /** @internal */
  finished(seq: number): void {
    this.dropping.note(seq);
  }

  /** Does once, now, what the sweeper does every so often. */
  async sweep(): Promise<void> {
    await this.sweeper.sweep();
    await this.dropping.drain();
  }

  /** @internal */
  startSweeping(): void {
    this.sweeper.start();
  }

  /** @internal */
  async close(): Promise<void> {
    await this.sweeper.stop();
    await this.dropping.close();
    this.bell.close();
    this.transactions.close();
  }
}
