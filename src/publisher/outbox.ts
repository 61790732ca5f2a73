import type { DataSource, QueryRunner } from 'typeorm';
import type { IdempotentMqEvents } from '../events/index.js';
import {
  type Connection,
  type LibraryConnections,
  type OutboxRow,
  type StatementLimits,
  batchesOf,
  deleteJustInsertedOutbox,
  deleteOutboxScheduled,
  findOutboxScheduled,
  insertOutbox,
  readClock,
} from '../storage/index.js';
import { CommitBell, PublishingTransactions } from '../transaction/index.js';
import type { OutgoingMessage, PublishTarget, Timing } from '../transport/port.js';

/**
 * Where messages wait in the business's own database until the broker, which has another one, has acknowledged them.
 * They are written in the business's transaction: a message is there if and only if the business's rows are.
 */
export class Outbox implements PublishTarget {
  private readonly transactions: PublishingTransactions;
  private readonly committed: CommitBell<{ topic: string; count: number }>;
  private readonly listeners = new Set<() => void>();

  constructor(
    dataSource: DataSource,
    private readonly connections: LibraryConnections,
    events: IdempotentMqEvents,
    private readonly limits: StatementLimits,
  ) {
    this.transactions = new PublishingTransactions(dataSource, connections.database.dialect);
    this.committed = new CommitBell(dataSource, (published) => {
      if (events.wants('published')) {
        for (const { topic, count } of published) events.emit({ type: 'published', topic, count });
      }
      for (const listener of this.listeners) listener();
    });
  }

  /** One statement a batch. When a later batch fails, the transaction can't commit. */
  async put(
    runner: QueryRunner,
    topic: string,
    messages: readonly OutgoingMessage[],
    timing: Timing = {},
  ): Promise<void> {
    await this.transactions.join(runner, async () => {
      for (const [put, batch] of batchesOf(messages, this.limits).entries()) {
        try {
          const rows = batch.map((message) => ({ ...message, topic }));
          await this.putRows(runner, rows, timing);
        } catch (error) {
          if (put > 0) this.transactions.spoil(runner, error);
          throw error;
        }
      }
    });
    this.committed.expect(runner, { topic, count: messages.length });
  }

  /** What has a time stays in the outbox until then, so that it can be taken back in the business's own transaction. */
  cancel(runner: QueryRunner, topic: string, bizId: Buffer): Promise<number> {
    return this.transactions.join(runner, () => this.cancelWithin(runner, { topic, bizId }));
  }

  /** What has committed is seen apart: the business's transaction may look at an old snapshot. SQLite's writer sees all. */
  private async cancelWithin(runner: QueryRunner, which: { topic: string; bizId: Buffer }): Promise<number> {
    const { database } = this.connections;
    const look = async (on: Connection) => {
      const now = await readClock(database, on);
      return { now, keys: await findOutboxScheduled(database, on, { ...which, now }) };
    };
    const sqlite = database.dialect.engine === 'sqlite';
    const { now, keys } = await (sqlite ? look(runner) : this.connections.control(look));
    const own = sqlite ? [] : await findOutboxScheduled(database, runner, { ...which, now });
    const each = new Map([...keys, ...own].map((key) => [key.innerMsgId.toString('hex'), key]));
    let cancelled = 0;
    for (const [, key] of [...each].sort(([a], [b]) => (a < b ? -1 : 1))) {
      if (await deleteOutboxScheduled(database, runner, key)) cancelled++;
    }
    return cancelled;
  }

  /** Calls back when messages have committed in this process. A hint: it may be lost. @returns how to stop it */
  onCommitted(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  close(): void {
    this.committed.close();
    this.transactions.close();
    this.listeners.clear();
  }

  private async putRows(runner: QueryRunner, rows: readonly OutboxRow[], timing: Timing): Promise<void> {
    const { database } = this.connections;
    await this.transactions.refuseOutside(runner);
    const { session, insertId } = await insertOutbox(database, runner, rows, timing);
    await this.transactions.takeBackOutside(session, () =>
      deleteJustInsertedOutbox(database, runner, { rows, firstSeq: insertId, timing }),
    );
  }
}
