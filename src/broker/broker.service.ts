import type { DataSource } from 'typeorm';
import { SchemaMissingError } from '../errors/index.js';
import type { IdempotentMqEvents } from '../events/index.js';
import {
  type AttemptRecord,
  type Lease,
  type LibraryConnections,
  type StatementLimits,
  describeSubscriptions,
  findLandedSince,
  findOrigin,
  hasSubscription,
  readClock,
  readLastSeq,
  readUnfinished,
} from '../storage/index.js';
import { Accepting, type IncomingShipment } from './accept.js';
import { type Aside, type DeliveryToSetAside, SettingAside } from './aside.js';
import { Cancelling } from './cancel.js';
import { ColocatedBroker } from './colocated-broker.js';
import { DeadLetters } from './dead-letters.js';
import { type ClaimOneRequest, type ClaimRequest, Delivering } from './deliver.js';
import { Dropping } from './drop.js';
import { Expiring, type ExpiringOptions } from './expiring.js';
import { Groups, type TopicStatus } from './groups.js';
import { ForgettingAccepted } from './forget-accepted.js';
import { Landing } from './land.js';
import { LandedBell, type LandedListener } from './landed-bell.js';
import { otherProcesses } from './other-processes.js';
import { Quarantine } from './quarantine.js';
import { RepeatableClaims } from './repeatable-claims.js';
import {
  type ConsumerRequest,
  type RemovedSubscription,
  type SubscribeRequest,
  type Subscribed,
  Subscriptions,
} from './subscriptions.js';
import { Sweeper } from './sweeper.js';
import { TakingAcks } from './take-acks.js';
import { Topics } from './topics.js';
import { Unrouted } from './unrouted.js';

export interface BrokerOptions extends ExpiringOptions {
  landing: StatementLimits;
  unroutedMs: number;
  innerMsgIdWindowMs: number;
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
  readonly quarantine: Quarantine;
  /** @internal Set when the broker's tables are in the app's own database. */
  readonly colocated: ColocatedBroker | undefined;
  private readonly topicIds: Topics;
  private readonly subscriptions: Subscriptions;
  private readonly accepting: Accepting;
  private readonly settingAside: SettingAside;
  private readonly delivering: Delivering;
  /** @internal Claims of those whose answer may get lost on its way. */
  readonly repeatable: RepeatableClaims;
  private readonly acks: TakingAcks;
  private readonly dropping: Dropping;
  private readonly sweeper: Sweeper;
  private readonly bell: LandedBell;
  private origin: Buffer | undefined;

  /**
   * @internal
   * @param app the DataSource of the business, where its database is the broker's too
   */
  constructor(
    private readonly connections: LibraryConnections,
    events: IdempotentMqEvents,
    options: BrokerOptions,
    app?: DataSource,
  ) {
    this.topicIds = new Topics(connections);
    this.bell = new LandedBell(otherProcesses(connections));
    this.subscriptions = new Subscriptions(connections, this.topicIds, events);
    const landing = new Landing(connections, this.topicIds, options.landing);
    this.quarantine = new Quarantine(connections, this.topicIds, landing, this.bell, events);
    this.accepting = new Accepting(connections, this.topicIds, landing, this.quarantine, this.bell, events, {
      windowMs: options.innerMsgIdWindowMs,
      limits: options.landing,
    });
    this.settingAside = new SettingAside(connections, this.topicIds, this.bell);
    this.groups = new Groups(connections);
    this.delivering = new Delivering(connections, events);
    this.repeatable = new RepeatableClaims(connections, this.delivering);
    this.acks = new TakingAcks(connections);
    this.dropping = new Dropping(connections, events, options.dropDelayMs);
    this.deadLetters = new DeadLetters(connections, this.dropping);
    const unrouted = new Unrouted(connections, events, options.unroutedMs);
    const forgetting = new ForgettingAccepted(connections, events, options.innerMsgIdWindowMs);
    const expiring = new Expiring(connections, events, options);
    this.sweeper = new Sweeper(
      this.dropping,
      unrouted,
      this.subscriptions,
      forgetting,
      expiring,
      this.repeatable,
      {
        intervalMs: options.sweepIntervalMs,
        onError: options.onSweepError,
      },
    );
    const cancelling = new Cancelling(connections, this.topicIds);
    this.colocated = app && new ColocatedBroker(app, connections, landing, cancelling, this.bell, events);
  }

  /** @internal */
  registerTopics(names: readonly string[]): Promise<void> {
    return this.topicIds.register(names);
  }

  /**
   * @internal From the moment that this resolves, the group receives every message whose publishing transaction commits.
   * A consumer does it at start.
   *
   * @throws InvalidOptionError naming what is wrong with the request
   * @throws SubscriptionRemovedError when the group was removed since, at this version or a later one
   * @throws TopicLockedError when a transaction that published to the topic did not end within two minutes
   */
  subscribe(request: ConsumerRequest): Promise<Subscribed> {
    return this.subscriptions.subscribe(request);
  }

  /**
   * Removes a group's subscription for good, with its deliveries. Its version and older ones don't come back.
   *
   * @returns what was deleted with it: nothing where it was removed before
   * @throws InvalidOptionError naming what is wrong with the request, the groups that there are, or the higher version at
   * which the group has come back
   * @throws TopicLockedError when a transaction that published to the topic did not end within two minutes
   */
  removeSubscription(request: SubscribeRequest): Promise<RemovedSubscription> {
    return this.subscriptions.remove(request);
  }

  /**
   * The topics that there are, with the number of their groups, and of messages that no group has taken yet. Cheap: it
   * counts what is parked, and nothing else.
   */
  topics(): Promise<TopicStatus[]> {
    return this.groups.topics();
  }

  /** @internal Steps 1 to 3 for what a relay sends. */
  send(shipment: IncomingShipment) {
    return this.accepting.accept(shipment);
  }

  /** @internal */
  acceptance(origin: Buffer) {
    return this.accepting.acceptance(origin);
  }

  /** @internal */
  onLanded(topic: string, listener: LandedListener): () => void {
    return this.bell.listen(topic, listener);
  }

  /** @internal */
  claim(request: ClaimRequest) {
    return this.delivering.claim(request);
  }

  /** @internal */
  claimAlone(request: ClaimOneRequest) {
    return this.delivering.claimAlone(request);
  }

  /** @internal */
  poll(subscription: { id: number; topic: string; group: string }, after: number) {
    return this.delivering.poll(subscription, after);
  }

  /** @internal */
  acknowledge(held: Lease): Promise<boolean> {
    return this.acks.acknowledge(held);
  }

  /** @internal @returns for each whether its lease still held */
  acknowledgeAll(held: readonly Lease[]): Promise<boolean[]> {
    return this.acks.acknowledgeAll(held);
  }

  /** @internal In which topics messages have landed since, in whichever process, and the number of the last one. */
  landedSince(after: number | undefined) {
    const { database } = this.connections;
    return this.connections.control(async (on) => {
      if (after !== undefined) return findLandedSince(database, on, after);
      return { last: await readLastSeq(database, on), topics: [] };
    });
  }

  /** @internal Those of these numbers that there are. */
  subscriptionsOf(ids: readonly number[]): Promise<{ id: number; topic: string; group: string }[]> {
    const { database } = this.connections;
    return this.connections.control((on) => describeSubscriptions(database, on, ids));
  }

  /** @internal */
  async identify() {
    const { database } = this.connections;
    const now = await this.connections.control((on) => readClock(database, on));
    return { broker: await this.id(), now };
  }

  /** @internal */
  async unfinished(
    { id, topic }: { id: number; topic: string },
    question: { slackMs: number; limit: number },
  ) {
    const { database } = this.connections;
    const asked = { subscriptionId: id, topic, ...question };
    const answer = await this.connections.control((on) => readUnfinished(database, on, asked));
    return { broker: await this.id(), ...answer };
  }

  /** @internal */
  hasSubscription(id: number): Promise<boolean> {
    return this.connections.control((on) => hasSubscription(this.connections.database, on, id));
  }

  /** Each migrated database has a name by which an outbox in it is known; a broker's is known by the same. */
  private async id(): Promise<Buffer> {
    const { database } = this.connections;
    this.origin ??= await this.connections.control((on) => findOrigin(database, on));
    if (this.origin) return this.origin;
    throw new SchemaMissingError(
      `The row of ${database.tableNames.outbox_origin}, by which this database is known, was deleted by hand. ` +
        'Restore it: with another one, nothing would be forgotten that is known under the former.',
    );
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

  /** @internal For another engine's delivery. @returns false when it was here before */
  setAside(delivery: DeliveryToSetAside, to: Aside): Promise<boolean> {
    return this.settingAside.setAside(delivery, to);
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
    this.colocated?.close();
  }
}
