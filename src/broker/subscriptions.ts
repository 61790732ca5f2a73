import { setTimeout as pause } from 'node:timers/promises';
import { InvalidOptionError, SubscriptionRemovedError, TopicLockedError } from '../errors/index.js';
import type { IdempotentMqEvents } from '../events/index.js';
import {
  type Connection,
  type LibraryConnections,
  DELIVERY_TABLES,
  type SubscriptionRow,
  deleteDeliveriesOf,
  deleteLimit,
  deleteLimitedLeasesOf,
  deletePaused,
  deleteSubscription,
  deleteTurn,
  deliverParked,
  deliverParkedKeyed,
  findNextSubscription,
  findRemovedSubscriptions,
  findSubscription,
  findTopic,
  insertSubscription,
  insertTurn,
  isSubscribed,
  listGroups,
  listSubscriptions,
  lockParked,
  lockTopic,
  markParkedTaken,
  scheduleParked,
  updateSubscription,
} from '../storage/index.js';
import { NAME_RULE, isName } from '../topic/index.js';
import { noSuchGroup } from './groups.js';
import { KnownDedups, type OtherDedup } from './known-dedups.js';
import { refuseUnknownKeys } from './refuse-unknown-keys.js';
import type { Topics } from './topics.js';

export interface SubscribeRequest {
  topic: string;
  group: string;
  /** From 1. Counts up when a group comes back after it was removed. */
  version: number;
}

/** The same of a consumer. */
export interface ConsumerRequest extends SubscribeRequest {
  /** Which database it deduplicates in: 16 bytes. Left out: in none. */
  dedup?: Buffer | undefined;
}

export interface Subscribed {
  id: number;
  topic: string;
  group: string;
  /** What the consumer that subscribed last deduplicates in, where it is another one. Said once. */
  otherDedup?: OtherDedup;
}

/** What was deleted with a group. */
export interface RemovedSubscription {
  /** Also those that waited for their time, or to be tried again. */
  deliveries: number;
  deadLetters: number;
}

/** Of a database. */
const ID_BYTES = 16;
/** What a column of the version holds. */
const MAX_VERSION = 4_294_967_295;

/** How long a new group waits for transactions that published and have not ended yet, in milliseconds. */
const TOPIC_LOCK_PATIENCE_MS = 120_000;
const TOPIC_LOCK_PAUSE_MS = 200;
const REMOVAL_BATCH = 1000;
const PARKED_BATCH = 5000;

/** Which groups receive which topics. */
export class Subscriptions {
  private readonly dedups: KnownDedups;

  constructor(
    private readonly connections: LibraryConnections,
    private readonly topics: Topics,
    private readonly events: IdempotentMqEvents,
  ) {
    this.dedups = new KnownDedups(connections);
  }

  /**
   * From the moment that this resolves, the group receives every message whose publishing transaction commits, and it
   * has been given what was parked for whoever comes.
   *
   * @throws InvalidOptionError naming what is wrong with the request
   * @throws SubscriptionRemovedError when the group was removed since, at this version or a later one
   */
  async subscribe(request: ConsumerRequest): Promise<Subscribed> {
    checkRequest('subscribe', request, ['dedup']);
    const { topic, group, dedup } = request;
    if (dedup !== undefined && !(Buffer.isBuffer(dedup) && dedup.length === ID_BYTES)) {
      throw new InvalidOptionError('subscribe({ dedup })', dedup, `a Buffer of ${ID_BYTES} bytes`);
    }
    const id = await this.idOf(request);
    const otherDedup = dedup && (await this.dedups.note(id, dedup));
    return { id, topic, group, ...(otherDedup && { otherDedup }) };
  }

  private async idOf(request: SubscribeRequest): Promise<number> {
    const topicId = await this.topics.idOf(request.topic);
    const { database } = this.connections;
    const key = { topicId, group: request.group };
    const existing = await this.connections.control((on) => findSubscription(database, on, key));
    if (existing && isCurrent(existing, request)) return existing.id;
    // Only now the topic's lock, which holds up publishers: a deploy of many processes finds everything there already.
    const { id, former } = await this.withTopicLocked(topicId, request.topic, (on) =>
      this.create(on, topicId, request),
    );
    if (former !== undefined) await this.deleteRest(former);
    return id;
  }

  /**
   * Takes the group's subscription away, with its deliveries. A `subscribe` of the same version, however late it comes,
   * doesn't bring it back. The group's limits go with its last subscription, as its pause does.
   *
   * @returns what was deleted: nothing where it was removed before
   * @throws InvalidOptionError naming what is wrong with the request, the groups that there are, or the higher version at
   * which the group has come back
   */
  async remove(request: SubscribeRequest): Promise<RemovedSubscription> {
    checkRequest('removeSubscription', request);
    const { topic, group, version } = request;
    const { database } = this.connections;
    const topicId = await this.connections.control((on) => findTopic(database, on, topic));
    if (topicId === undefined) throw await this.unknown(request);
    const existing = await this.withTopicLocked(topicId, topic, async (on) => {
      const found = await findSubscription(database, on, { topicId, group });
      if (!found || found.version > version) return found;
      await updateSubscription(database, on, { ...found, version, removed: true });
      if (!(await isSubscribed(database, on, group))) await this.deleteLimits(on, group);
      await deletePaused(database, on, found.id);
      return found;
    });
    if (!existing) throw await this.unknown(request);
    if (existing.version > version) {
      if (existing.removed) return { deliveries: 0, deadLetters: 0 };
      throw new InvalidOptionError(
        'removeSubscription({ version })',
        version,
        `at least ${existing.version}, the version at which ${group} is subscribed to ${topic} now; nothing was removed`,
      );
    }
    const removed = await this.deleteRest(existing.id);
    if (!existing.removed) this.events.emit({ type: 'group-removed', topic, group, ...removed });
    return removed;
  }

  private async unknown(request: SubscribeRequest): Promise<InvalidOptionError> {
    const { database } = this.connections;
    const groups = await this.connections.control((on) => listGroups(database, on));
    return noSuchGroup('removeSubscription({ group, topic })', request, groups);
  }

  /** Deletes what removals that were left half done, or a delivery on its way back from waiting, have left. */
  async sweep(): Promise<void> {
    const { database } = this.connections;
    const left = await this.connections.control(async (on) => {
      const removed = await findRemovedSubscriptions(database, on);
      const used = new Set(removed);
      for (const table of DELIVERY_TABLES) {
        let id: number | undefined = 0;
        while ((id = await findNextSubscription(database, on, { table, after: id })) !== undefined)
          used.add(id);
      }
      // After those with deliveries: a subscription is there as soon as they are.
      for (const id of await listSubscriptions(database, on)) if (!removed.includes(id)) used.delete(id);
      return used;
    });
    for (const id of left) await this.deleteRest(id);
  }

  /**
   * Each transaction that published to the topic holds it up until its end, and while this waits, it holds up those to
   * come: so it waits briefly, lets them through, and tries again.
   */
  private async withTopicLocked<T>(
    topicId: number,
    topic: string,
    work: (on: Connection) => Promise<T>,
  ): Promise<T> {
    const { database } = this.connections;
    const deadline = performance.now() + TOPIC_LOCK_PATIENCE_MS;
    for (;;) {
      try {
        const lockedWork = async (on: Connection) => {
          await lockTopic(database, on, topicId);
          return work(on);
        };
        return await this.connections.controlTransaction(lockedWork, { attempts: 1 });
      } catch (error) {
        if (!database.dialect.isContention(error)) throw error;
        if (performance.now() > deadline)
          throw new TopicLockedError(topic, TOPIC_LOCK_PATIENCE_MS, { cause: error });
        await pause(TOPIC_LOCK_PAUSE_MS);
      }
    }
  }

  private async create(on: Connection, topicId: number, request: SubscribeRequest) {
    const { database } = this.connections;
    const { group, version } = request;
    const existing = await findSubscription(database, on, { topicId, group });
    if (existing && isCurrent(existing, request)) return { id: existing.id };
    if (existing && !existing.removed) {
      await updateSubscription(database, on, { ...existing, version });
      return { id: existing.id };
    }
    // A number of its own: what is still being deleted, or moved, under the former one never meets what comes now.
    if (existing) {
      await deleteSubscription(database, on, existing.id);
      await deleteTurn(database, on, existing.id);
    }
    await insertSubscription(database, on, { topicId, group, version });
    const { id } = (await findSubscription(database, on, { topicId, group }))!;
    await insertTurn(database, on, id);
    await this.takeParked(on, topicId, id);
    return { id, former: existing?.id };
  }

  /** In batches, because each statement has a time limit; within the topic's lock, because none may be missed. */
  private async takeParked(on: Connection, topicId: number, subscriptionId: number): Promise<void> {
    const { database } = this.connections;
    let seqs: number[];
    let now: number;
    let last = 0;
    do {
      ({ seqs, now } = await lockParked(database, on, { topicId, after: last, limit: PARKED_BATCH }));
      if (seqs.length === 0) return;
      last = seqs.at(-1)!;
      const range = { topicId, first: seqs[0]!, last };
      await deliverParked(database, on, { ...range, subscriptionId, now });
      await deliverParkedKeyed(database, on, { ...range, subscriptionId });
      await scheduleParked(database, on, { ...range, subscriptionId, now });
      await markParkedTaken(database, on, range);
    } while (seqs.length === PARKED_BATCH);
  }

  private async deleteLimits(on: Connection, group: string): Promise<void> {
    const { database } = this.connections;
    await deleteLimit(database, on, group);
    await deleteLimitedLeasesOf(database, on, group);
  }

  private async deleteRest(subscriptionId: number): Promise<RemovedSubscription> {
    const { database } = this.connections;
    const removed = { deliveries: 0, deadLetters: 0 };
    await this.dedups.forget(subscriptionId);
    for (const table of DELIVERY_TABLES) {
      let deleted: number;
      do {
        deleted = await this.connections.controlTransaction((on) =>
          deleteDeliveriesOf(database, on, { table, subscriptionId, limit: REMOVAL_BATCH }),
        );
        removed[table === 'dead_letter' ? 'deadLetters' : 'deliveries'] += deleted;
      } while (deleted > 0);
    }
    return removed;
  }
}

function checkRequest(call: string, request: SubscribeRequest, more: readonly string[] = []): void {
  refuseUnknownKeys(call, request, ['topic', 'group', 'version', ...more]);
  const { topic, group, version } = request ?? {};
  for (const [key, name] of Object.entries({ topic, group })) {
    if (!isName(name)) throw new InvalidOptionError(`${call}({ ${key} })`, name, NAME_RULE);
  }
  if (!Number.isSafeInteger(version) || version < 1 || version > MAX_VERSION) {
    throw new InvalidOptionError(`${call}({ version })`, version, `a whole number from 1 to ${MAX_VERSION}`);
  }
}

/** Whether the subscription is as asked for. @throws SubscriptionRemovedError */
function isCurrent(existing: SubscriptionRow, { topic, group, version }: SubscribeRequest): boolean {
  if (version > existing.version) return false;
  if (!existing.removed) return true;
  throw new SubscriptionRemovedError(
    `Group ${group} was removed from topic ${topic} at version ${existing.version}, and version ${version} must not bring it back. ` +
      `If it is to return, set subscriptionVersion: ${existing.version + 1} on its consumer.`,
  );
}
