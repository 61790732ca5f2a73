import { InvalidOptionError } from '../errors/index.js';
import {
  type Connection,
  type GroupRow,
  type LibraryConnections,
  countBySubscription,
  countDeliveries,
  deletePaused,
  findGroup,
  insertPaused,
  listGroups,
  listTopicsWithParked,
} from '../storage/index.js';
import { refuseUnknownKeys } from './refuse-unknown-keys.js';

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

  /** @internal */
  async nameOf(subscriptionId: number): Promise<string | undefined> {
    const { database } = this.connections;
    return this.connections.control((on) => findGroup(database, on, subscriptionId));
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
    const { database } = this.connections;
    refuseUnknownKeys(call, which, ['group', 'topic']);
    const { group, topic } = which ?? {};
    await this.connections.controlTransaction(async (on) => {
      const all = await listGroups(database, on);
      const chosen = all.filter((row) => row.group === group && (topic === undefined || row.topic === topic));
      if (chosen.length === 0) throw noSuchGroup(call, which, all);
      for (const row of chosen) await work(on, row);
    });
  }
}

/** Names those that there are: a misspelt name is seen at once. */
export function noSuchGroup(call: string, given: unknown, all: readonly GroupRow[]): InvalidOptionError {
  const known = all.map((row) => `${row.group} of ${row.topic}`).join(', ') || 'none';
  return new InvalidOptionError(
    `${call}({ group, topic })`,
    given,
    `a group that subscribes. There are: ${known}`,
  );
}
