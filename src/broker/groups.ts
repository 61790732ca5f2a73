import { InvalidOptionError } from '../errors/index.js';
import {
  type GroupRow,
  type LibraryConnections,
  countBySubscription,
  groupOf,
  listGroups,
  setPaused,
} from '../storage/index.js';

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

  /** @internal */
  async groupOf(subscriptionId: number): Promise<string | undefined> {
    const { database } = this.connections;
    return this.connections.control((on) => groupOf(database, on, subscriptionId));
  }

  private async setPaused(call: string, which: GroupSelector, paused: boolean): Promise<void> {
    const { database } = this.connections;
    const { group, topic } = which ?? {};
    await this.connections.controlTransaction(async (on) => {
      const all = await listGroups(database, on);
      const chosen = all.filter((row) => row.group === group && (topic === undefined || row.topic === topic));
      if (chosen.length === 0) {
        const known = [...new Set(all.map((row) => `${row.group} of ${row.topic}`))].join(', ') || 'none';
        throw new InvalidOptionError(
          `${call}({ group, topic })`,
          which,
          `a group that subscribes. There are: ${known}`,
        );
      }
      for (const { subscriptionId } of chosen) await setPaused(database, on, { subscriptionId, paused });
    });
  }
}
