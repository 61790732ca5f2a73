import type { QueryRunner } from 'typeorm';
import {
  type Connection,
  type LibraryConnections,
  type ScheduledRow,
  type WaitingKey,
  deleteMessage,
  deleteParkedMessage,
  deleteWaitingDelivery,
  findScheduled,
  lockParkedMessage,
  lockWaiting,
  readClock,
  shareTopic,
} from '../storage/index.js';
import type { Topics } from './topics.js';

/** What of one message is locked. */
interface Held {
  deliverAt: number;
  parked: boolean;
  waiting: WaitingKey[];
}

/** Takes back messages that are still scheduled: those are in `waiting` or `parked`, and nowhere else. */
export class Cancelling {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly topics: Topics,
  ) {}

  /**
   * Locks in the order of everybody else: topic, parked, waiting, message. With the topic's row, as publishers hold it, no
   * group comes meanwhile that would be given what is parked.
   *
   * @returns how many there were
   */
  async cancel(runner: QueryRunner, topic: string, bizId: Buffer): Promise<number> {
    const { database } = this.connections;
    const topicId = await this.topics.idWithin(runner, topic);
    await shareTopic(database, runner, topicId);
    const held = await this.hold(runner, topicId, await this.look(runner, topicId, bizId));
    if (held.size === 0) return 0;
    // Asked for when they are locked: one whose time has come in between may have been moved, and handled.
    const now = await this.onClock(runner, (on) => readClock(database, on));
    let cancelled = 0;
    for (const [seq, { deliverAt, parked, waiting }] of held) {
      if (deliverAt <= now) continue;
      if (parked) await deleteParkedMessage(database, runner, { topicId, seq });
      for (const key of waiting) await deleteWaitingDelivery(database, runner, key);
      if (await deleteMessage(database, runner, seq)) cancelled++;
    }
    return cancelled;
  }

  /**
   * The business's transaction may look at an old snapshot, and only it sees what it has published itself: so what has
   * committed is looked up apart from it. SQLite's writer sees both.
   */
  private async look(runner: QueryRunner, topicId: number, bizId: Buffer): Promise<ScheduledRow[]> {
    const { database } = this.connections;
    const { now, committed } = await this.onClock(runner, async (on) => {
      const now = await readClock(database, on);
      return { now, committed: await findScheduled(database, on, { topicId, bizId, now }) };
    });
    if (database.dialect.engine === 'sqlite') return committed;
    return [...committed, ...(await findScheduled(database, runner, { topicId, bizId, now }))];
  }

  /** Locks what is still there: in one order, so that two who cancel the same don't meet crosswise. */
  private async hold(on: Connection, topicId: number, scheduled: readonly ScheduledRow[]) {
    const { database } = this.connections;
    const held = new Map<number, Held>();
    const one = ({ seq, deliverAt }: ScheduledRow) => {
      const known = held.get(seq) ?? { deliverAt, parked: false, waiting: [] };
      held.set(seq, known);
      return known;
    };
    for (const row of inOrder(scheduled)) {
      if (row.waiting) {
        if (await lockWaiting(database, on, row.waiting)) one(row).waiting.push(row.waiting);
      } else if (await lockParkedMessage(database, on, { topicId, seq: row.seq })) {
        one(row).parked = true;
      }
    }
    return held;
  }

  /** Where the clock is the database's own: a session of the business may have set another time. */
  private onClock<T>(runner: QueryRunner, work: (on: Connection) => Promise<T>): Promise<T> {
    const { database } = this.connections;
    return database.dialect.engine === 'sqlite' ? work(runner) : this.connections.control(work);
  }
}

/** Parked ones first, then subscription by subscription; each once. */
function inOrder(scheduled: readonly ScheduledRow[]): ScheduledRow[] {
  const owner = ({ waiting }: ScheduledRow) => waiting?.subscriptionId ?? 0;
  const each = new Map(scheduled.map((row) => [`${owner(row)}-${row.seq}`, row]));
  return [...each.values()].sort((a, b) => owner(a) - owner(b) || a.seq - b.seq);
}
