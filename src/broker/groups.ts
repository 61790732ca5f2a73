import { InvalidOptionError } from '../errors/index.js';
import {
  type Connection,
  type GroupRow,
  type LibraryConnections,
  countBySubscription,
  deleteLimit,
  deleteLimitedLeasesOf,
  ensureLimit,
  groupOf,
  insertLeasedDeliveries,
  listGroups,
  lockLimitOf,
  setPaused,
  updateLimit,
} from '../storage/index.js';
import { type GroupLimits, resolveGroup, resolveLimits } from './group-limits.js';
import { changedBucket } from './token-bucket.js';

/** One group's subscription to one topic, and how much there is for it. */
export interface GroupStatus extends Omit<GroupRow, 'subscriptionId'> {
  /** Ready or being handled. */
  ready: number;
  /** Set aside until a time: a delay, or the backoff after a failure. */
  waiting: number;
  deadLetters: number;
}

export interface GroupSelector {
  group: string;
  /** @default all topics of the group */
  topic?: string;
}

/** The groups that subscribe to topics: how they are doing, and how they are held up. */
export class Groups {
  constructor(private readonly connections: LibraryConnections) {}

  /** Counts every delivery, so it takes its time where there are millions. */
  async list(): Promise<GroupStatus[]> {
    const { database } = this.connections;
    return this.connections.control(async (on) => {
      const groups = await listGroups(database, on);
      const ready = await countBySubscription(database, on, 'delivery');
      const waiting = await countBySubscription(database, on, 'waiting');
      const dead = await countBySubscription(database, on, 'dead_letter');
      return groups.map(({ subscriptionId, ...group }) => ({
        ...group,
        ready: ready.get(subscriptionId) ?? 0,
        waiting: waiting.get(subscriptionId) ?? 0,
        deadLetters: dead.get(subscriptionId) ?? 0,
      }));
    });
  }

  /**
   * Hands nothing out to the group any more, in any process, until it is resumed; also over restarts. What was handed out
   * already is finished.
   *
   * @throws InvalidOptionError when there is no such group
   */
  pause(which: GroupSelector): Promise<void> {
    return this.setPaused('groups.pause', which, true);
  }

  /** @throws InvalidOptionError when there is no such group */
  resume(which: GroupSelector): Promise<void> {
    return this.setPaused('groups.resume', which, false);
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

  /** @internal */
  async groupOf(subscriptionId: number): Promise<string | undefined> {
    const { database } = this.connections;
    return this.connections.control((on) => groupOf(database, on, subscriptionId));
  }

  private async setPaused(call: string, which: GroupSelector, paused: boolean): Promise<void> {
    const { database } = this.connections;
    const { group, topic } = which ?? {};
    await this.connections.controlTransaction(async (on) => {
      const chosen = await this.choose(
        on,
        `${call}({ group, topic })`,
        which,
        (row) => row.group === group && (topic === undefined || row.topic === topic),
      );
      for (const { subscriptionId } of chosen) await setPaused(database, on, { subscriptionId, paused });
    });
  }

  private async choose(
    on: Connection,
    option: string,
    which: unknown,
    isMeant: (row: GroupRow) => boolean,
  ): Promise<GroupRow[]> {
    const all = await listGroups(this.connections.database, on);
    const chosen = all.filter(isMeant);
    if (chosen.length > 0) return chosen;
    const known = [...new Set(all.map((row) => `${row.group} of ${row.topic}`))].join(', ') || 'none';
    throw new InvalidOptionError(option, which, `a group that subscribes. There are: ${known}`);
  }

  private async countLeased(group: string): Promise<void> {
    const { database } = this.connections;
    await this.connections.controlTransaction(async (on) => {
      const limit = await lockLimitOf(database, on, group);
      if (limit && limit.concurrency !== null) await insertLeasedDeliveries(database, on, group);
    });
  }
}
