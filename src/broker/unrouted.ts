import type { IdempotentMqEvents } from '../events/index.js';
import {
  type LibraryConnections,
  deleteParked,
  findOverdueParked,
  insertDeadLetter,
  listTopics,
  readMessages,
} from '../storage/index.js';

const BATCH = 200;

/** Messages that nobody took within the unrouted time go to the dead letters; the others stop waiting for more groups. */
export class Unrouted {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly events: IdempotentMqEvents,
    private readonly unroutedMs: number,
  ) {}

  /** @returns the messages that are no longer parked and not dead letters either */
  async sweep(): Promise<number[]> {
    const { database } = this.connections;
    const released: number[] = [];
    for (const { id, name } of await this.connections.control((on) => listTopics(database, on))) {
      let batch: number;
      do {
        const overdue = await this.sweepTopic(id);
        released.push(...overdue.filter(({ taken }) => taken).map(({ seq }) => seq));
        await this.report(
          name,
          overdue.filter(({ taken }) => !taken).map(({ seq }) => seq),
        );
        batch = overdue.length;
      } while (batch === BATCH);
    }
    return released;
  }

  private async sweepTopic(topicId: number) {
    const { database } = this.connections;
    return this.connections.controlTransaction(async (on) => {
      const overdue = await findOverdueParked(database, on, {
        topicId,
        olderThanMs: this.unroutedMs,
        limit: BATCH,
      });
      const unheard = { failures: 0, lostLeases: 0, errors: null };
      for (const { seq, taken } of overdue) {
        if (!taken) await insertDeadLetter(database, on, { subscriptionId: 0, seq }, unheard, 'unrouted');
      }
      if (overdue.length > 0)
        await deleteParked(database, on, { topicId, seqs: overdue.map(({ seq }) => seq) });
      return overdue;
    });
  }

  private async report(topic: string, seqs: readonly number[]): Promise<void> {
    if (seqs.length === 0) return;
    const { database } = this.connections;
    const messages = await this.connections.control((on) => readMessages(database, on, seqs));
    const error = `No group subscribed to ${topic} within ${this.unroutedMs} ms.`;
    for (const message of messages) {
      const bizId = message.bizId.toString('utf8');
      this.events.emit({ type: 'dead-lettered', reason: 'unrouted', topic, group: '', bizId, error });
    }
  }
}
