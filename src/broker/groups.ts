import { InvalidOptionError } from '../errors/index.js';
import {
  type Connection,
  type GroupRow,
  type LibraryConnections,
  countBySubscription,
  countDeliveries,
  deleteLimit,
  deleteLimitedLeasesOf,
  deletePaused,
  ensureLimit,
  insertLeasedDeliveries,
  insertPaused,
  listGroups,
  listTopicsWithParked,
  lockLimitOf,
  updateLimit,
} from '../storage/index.js';
import { type GroupLimits, resolveGroup, resolveLimits } from './group-limits.js';
import { refuseUnknownKeys } from './refuse-unknown-keys.js';
import { changedBucket } from './token-bucket.js';

/** One group's subscription to one topic, and how much there is for it. Each delivery is counted once. */
export interface GroupStatus extends Omit<GroupRow, 'subscriptionId'> {
  /** A worker that asks now is given it. Also what the process lost that had it last. */
  ready: number;
  /** Handed out, and its lease has not run out: being handled, or waiting behind what is. */
  inFlight: number;
  /** Set aside until a time: a delay, or the backoff after a failure. */
  waiting: number;
  deadLetters: number;
}

export interface TopicStatus {
  topic: string;
  /** How many subscribe to it. */
  groups: number;
  /** Messages that no group has taken yet. After `retention.unroutedMs` they are dead letters, unless one comes. */
  parked: number;
}

export interface GroupSelector {
  group: string;
  /** @default all topics of the group */
  topic?: string;
}

const NOTHING = { ready: 0, inFlight: 0, givenBack: 0 };

/** The groups that subscribe to topics: how they are doing, and how they are held up. */
export class Groups {
  constructor(private readonly connections: LibraryConnections) {}

  /** Counts every delivery, so it takes its time where there are millions. Without locks. */
  async list(): Promise<GroupStatus[]> {
    const { database } = this.connections;
    return this.connections.control(async (on) => {
      const groups = await listGroups(database, on);
      const deliveries = await countDeliveries(database, on);
      const waiting = await countBySubscription(database, on, 'waiting');
      const dead = await countBySubscription(database, on, 'dead_letter');
      return groups.map(({ subscriptionId, ...group }) => {
        const { ready, inFlight, givenBack } = deliveries.get(subscriptionId) ?? NOTHING;
        return {
          ...group,
          ready,
          inFlight,
          waiting: (waiting.get(subscriptionId) ?? 0) + givenBack,
          deadLetters: dead.get(subscriptionId) ?? 0,
        };
      });
    });
  }

  /** @internal */
  async topics(): Promise<TopicStatus[]> {
    const { database } = this.connections;
    return this.connections.control((on) => listTopicsWithParked(database, on));
  }

  /**
   * Hands nothing out to the group any more, in any process, until it is resumed; also over restarts. What was handed out
   * already is finished. It waits for no transaction that publishes.
   *
   * @throws InvalidOptionError when there is no such group
   */
  pause(which: GroupSelector): Promise<void> {
    return this.forEach('groups.pause', which, async (on, { subscriptionId, paused }) => {
      if (!paused) await this.insertPaused(on, subscriptionId);
    });
  }

  /** @throws InvalidOptionError when there is no such group */
  resume(which: GroupSelector): Promise<void> {
    const { database } = this.connections;
    return this.forEach('groups.resume', which, (on, { subscriptionId }) =>
      deletePaused(database, on, subscriptionId),
    );
  }

  /**
   * Holds the group to a number of deliveries handled at the same time, or handed out per second: all its topics and all
   * processes together, also over restarts. What was handed out already is finished, and counts. With the first
   * `concurrency` of a group its deliveries are looked through once, which takes its time where there are millions.
   *
   * @param limits what is left out stays as it is; null takes a limit away
   * @throws InvalidOptionError naming the option and what came, or when there is no such group
   */
  async limit(which: { group: string }, limits: Partial<GroupLimits>): Promise<void> {
    const { database } = this.connections;
    const group = resolveGroup('groups.limit', which);
    const change = resolveLimits('groups.limit', limits);
    const isFirst = await this.connections.controlTransaction(async (on) => {
      await this.choose(on, 'groups.limit({ group })', which, (row) => row.group === group);
      await ensureLimit(database, on, group);
      const former = (await lockLimitOf(database, on, group))!;
      const { concurrency, perSecond } = { ...former, ...change };
      if (concurrency === null) await deleteLimitedLeasesOf(database, on, group);
      if (concurrency === null && perSecond === null) await deleteLimit(database, on, group);
      else {
        const bucket = changedBucket(former, perSecond);
        await updateLimit(database, on, { group, concurrency, perSecond, ...bucket });
      }
      return former.concurrency === null && concurrency !== null;
    });
    // Only now: what is claimed from here on is counted by the claim, and what was claimed before has committed.
    if (isFirst) await this.countLeased(group);
  }

  private async insertPaused(on: Connection, subscriptionId: number): Promise<void> {
    const { database } = this.connections;
    try {
      await insertPaused(database, on, subscriptionId);
    } catch (error) {
      if (!database.dialect.isDuplicateKey(error)) throw error;
    }
  }

  private async forEach(
    call: string,
    which: GroupSelector,
    work: (on: Connection, row: GroupRow) => Promise<void>,
  ): Promise<void> {
    refuseUnknownKeys(call, which, ['group', 'topic']);
    const { group, topic } = which ?? {};
    await this.connections.controlTransaction(async (on) => {
      const chosen = await this.choose(
        on,
        `${call}({ group, topic })`,
        which,
        (row) => row.group === group && (topic === undefined || row.topic === topic),
      );
      for (const row of chosen) await work(on, row);
    });
  }

  private async choose(
    on: Connection,
    option: string,
    which: GroupSelector,
    isMeant: (row: GroupRow) => boolean,
  ): Promise<GroupRow[]> {
    const all = await listGroups(this.connections.database, on);
    const chosen = all.filter(isMeant);
    if (chosen.length > 0) return chosen;
    throw noSuchGroup(option, which, all);
  }

  private async countLeased(group: string): Promise<void> {
    const { database } = this.connections;
    await this.connections.controlTransaction(async (on) => {
      const limit = await lockLimitOf(database, on, group);
      if (limit && limit.concurrency !== null) await insertLeasedDeliveries(database, on, group);
    });
  }
}

/** Names those that there are: a misspelt name is seen at once. */
export function noSuchGroup(option: string, given: unknown, all: readonly GroupRow[]): InvalidOptionError {
  const known = all.map((row) => `${row.group} of ${row.topic}`).join(', ') || 'none';
  return new InvalidOptionError(option, given, `a group that subscribes. There are: ${known}`);
}
