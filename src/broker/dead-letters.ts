import { InvalidOptionError } from '../errors/index.js';
import type { DeadLetterReason } from '../events/index.js';
import {
  type AttemptError,
  type Connection,
  type DeadLetterCondition,
  type DeadLetterKey,
  type DeadLetterRow,
  type LibraryConnections,
  decodeHistory,
  deleteDeadLetters,
  fanOut,
  findRoute,
  insertDeliveriesFromDeadLetters,
  insertKeyedFromDeadLetters,
  listDeadLetters,
  lockDeadLetters,
  parkMessages,
  readMessages,
} from '../storage/index.js';
import {
  type DeadLetterFilter,
  type DeadLetterSelector,
  idOf,
  keyOf,
  positionOf,
  resolveFilter,
  resolvePosition,
  resolveSelector,
} from './dead-letter-selector.js';
import type { Dropping } from './drop.js';

/** A delivery that is not tried any more. */
export interface DeadLetter extends Omit<DeadLetterRow, 'reason' | 'errors' | 'deadAt' | 'landedAt'> {
  /** What to requeue, purge or get it by. */
  id: string;
  /** Where the next page goes on: `list({ after: letter.position })`. */
  position: string;
  reason: DeadLetterReason;
  deadAt: Date;
  landedAt: Date;
  /** What went wrong, oldest first, also before an earlier requeue. The last 20 are kept. */
  errors: AttemptError[];
}

export interface DeadLetterListOptions extends DeadLetterFilter {
  /** From 1 to 1000. @default 100 */
  limit?: number;
  /** The position of the last one of the page before. */
  after?: string;
}

const BATCH = 500;

/** What is not tried any more, and how it is seen, tried again or thrown away. */
export class DeadLetters {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly dropping: Dropping,
  ) {}

  /**
   * A page, newest first.
   *
   * @throws InvalidOptionError naming the option and what came
   */
  async list(options: DeadLetterListOptions = {}): Promise<DeadLetter[]> {
    if (typeof options !== 'object' || options === null) {
      throw new InvalidOptionError('deadLetters.list(options)', options, 'an object, or left out');
    }
    const { limit = 100, after, ...filter } = options;
    if (!Number.isSafeInteger(limit) || limit < 1 || limit > 1_000) {
      throw new InvalidOptionError('deadLetters.list({ limit })', limit, 'a whole number from 1 to 1000');
    }
    const behind = after === undefined ? undefined : resolvePosition(after);
    const condition = resolveFilter('deadLetters.list', filter, ['limit', 'after']);
    return (await this.find({ ...condition, behind }, limit)).map(toDeadLetter);
  }

  /** One of them with its body, which is the JSON that was published. Undefined when it is no dead letter (any more). */
  async get(id: string): Promise<(DeadLetter & { body: string }) | undefined> {
    const { database } = this.connections;
    const key = keyOf('deadLetters.get', id);
    const [row] = await this.find({ keys: [key] }, 1);
    if (!row) return undefined;
    const [message] = await this.connections.control((on) => readMessages(database, on, [key.seq]));
    return message && { ...toDeadLetter(row), body: message.body.toString('utf8') };
  }

  /**
   * Back to their groups, with their failures forgiven, their history kept and their landing time unchanged. One with an
   * ordering key is handled next of its key, and what has overtaken it meanwhile stays done. A message that no group ever
   * took goes to those that there are now, or waits for one again.
   *
   * @param which an id, ids, a dead letter, or a filter, which must not be empty
   * @returns how many there were
   */
  async requeue(which: DeadLetterSelector): Promise<number> {
    const { database } = this.connections;
    // Oldest first: those of an ordering key may be claimed as soon as the first batch of them is back.
    const oldestFirst = { oldestFirst: true };
    const condition = { ...resolveSelector('deadLetters.requeue', which), ...oldestFirst };
    return this.forEachBatch(condition, async (on, batch) => {
      if (batch.subscriptionId > 0) {
        await insertDeliveriesFromDeadLetters(database, on, batch);
        await insertKeyedFromDeadLetters(database, on, batch);
      } else for (const seq of batch.seqs) await this.route(on, seq);
      await deleteDeadLetters(database, on, batch);
    });
  }

  /**
   * Deletes them for good, and their messages where nobody else needs them.
   *
   * @param which an id, ids, a dead letter, or a filter, which must not be empty
   * @returns how many there were
   */
  async purge(which: DeadLetterSelector): Promise<number> {
    const { database } = this.connections;
    const purged: number[] = [];
    const count = await this.forEachBatch(resolveSelector('deadLetters.purge', which), async (on, batch) => {
      await deleteDeadLetters(database, on, batch);
      purged.push(...batch.seqs);
    });
    for (const seq of purged) this.dropping.note(seq);
    return count;
  }

  private find(condition: DeadLetterCondition, limit: number): Promise<DeadLetterRow[]> {
    const { database } = this.connections;
    return this.connections.control((on) => listDeadLetters(database, on, condition, limit));
  }

  /** Of those that are dead now: what dies again meanwhile is not met a second time. */
  private async forEachBatch(
    condition: DeadLetterCondition,
    work: (on: Connection, batch: { subscriptionId: number; seqs: number[] }) => Promise<void>,
  ): Promise<number> {
    let count = 0;
    if (condition.keys) {
      for (const [subscriptionId, seqs] of bySubscription(condition.keys)) {
        for (let from = 0; from < seqs.length; from += BATCH) {
          count += await this.lockedBatch(subscriptionId, seqs.slice(from, from + BATCH), work);
        }
      }
      return count;
    }
    let behind: DeadLetterCondition['behind'];
    let rows: DeadLetterRow[];
    do {
      rows = await this.find({ ...condition, behind }, BATCH);
      behind = rows.at(-1);
      for (const [subscriptionId, seqs] of bySubscription(rows)) {
        count += await this.lockedBatch(subscriptionId, seqs, work);
      }
    } while (rows.length === BATCH);
    return count;
  }

  private async lockedBatch(
    subscriptionId: number,
    seqs: readonly number[],
    work: (on: Connection, batch: { subscriptionId: number; seqs: number[] }) => Promise<void>,
  ): Promise<number> {
    const { database } = this.connections;
    return this.connections.controlTransaction(async (on) => {
      const locked = await lockDeadLetters(database, on, { subscriptionId, seqs });
      if (locked.length > 0) await work(on, { subscriptionId, seqs: locked });
      return locked.length;
    });
  }

  /** As if the message landed now. */
  private async route(on: Connection, seq: number): Promise<void> {
    const { database } = this.connections;
    const route = await findRoute(database, on, seq);
    if (!route) return;
    const landed = { ...route, firstSeq: seq, count: 1 };
    if ((await fanOut(database, on, landed)) === 0) await parkMessages(database, on, landed);
  }
}

/** Each once. */
function bySubscription(keys: readonly DeadLetterKey[]): [subscriptionId: number, seqs: number[]][] {
  const batches = new Map<number, Set<number>>();
  for (const { subscriptionId, seq } of keys) {
    const seqs = batches.get(subscriptionId) ?? new Set();
    batches.set(subscriptionId, seqs.add(seq));
  }
  return [...batches].map(([subscriptionId, seqs]) => [subscriptionId, [...seqs].sort((a, b) => a - b)]);
}

function toDeadLetter({ reason, errors, deadAt, landedAt, ...row }: DeadLetterRow): DeadLetter {
  return {
    ...row,
    reason: reason as DeadLetterReason,
    id: idOf(row),
    position: positionOf({ ...row, deadAt }),
    deadAt: new Date(deadAt / 1000),
    landedAt: new Date(landedAt / 1000),
    errors: decodeHistory(errors),
  };
}
