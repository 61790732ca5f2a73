import type { QueryRunner } from 'typeorm';
import { SchemaMissingError } from '../errors/index.js';
import {
  type Connection,
  type LibraryConnections,
  type MessageRow,
  type StatementLimits,
  type Timing,
  batchesOf,
  deleteJustInserted,
  fanOut,
  insertMessages,
  parkMessages,
} from '../storage/index.js';
import type { PublishingTransactions } from '../transaction/index.js';
import type { Topics } from './topics.js';

/** A message as it comes from a publisher. */
export type IncomingMessage = Omit<MessageRow, 'topicId'>;

/** Step 2: the broker stores the message, and a delivery for each group. */
export class Landing {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly topics: Topics,
    private readonly limits: StatementLimits,
  ) {}

  /**
   * In the publisher's own transaction, two statements a batch. When a later batch fails, that transaction can't commit.
   *
   * @returns how many of them found no group, and are parked
   * @throws TransactionEndedError when the session turns out to be in no transaction; what was written is taken back
   */
  async landWithin(
    runner: QueryRunner,
    transactions: PublishingTransactions,
    topic: string,
    messages: readonly IncomingMessage[],
    timing: Timing = {},
  ): Promise<number> {
    const batches = batchesOf(messages, this.limitsOf(messages));
    const topicId = await this.topics.idWithin(runner, topic);
    let parked = 0;
    for (const [landed, batch] of batches.entries()) {
      try {
        const rows = batch.map((message) => ({ ...message, topicId }));
        await transactions.refuseOutside(runner);
        parked += await this.landRows(runner, topic, rows, timing, transactions);
      } catch (error) {
        if (landed > 0) transactions.spoil(runner, error);
        throw error;
      }
    }
    return parked;
  }

  /** In a transaction of the broker's own. @returns how many of them found no group, and are parked */
  async land(on: Connection, topic: string, messages: readonly IncomingMessage[]): Promise<number> {
    const topicId = await this.topics.idWithin(on, topic);
    let parked = 0;
    for (const batch of batchesOf(messages, this.limitsOf(messages))) {
      const rows = batch.map((message) => ({ ...message, topicId }));
      parked += await this.landRows(on, topic, rows, {});
    }
    return parked;
  }

  /** An ordering key takes one parameter more, beside the five that the limit was made for. */
  private limitsOf([first]: readonly IncomingMessage[]): StatementLimits {
    const { maxRows, ...limits } = this.limits;
    return { ...limits, maxRows: first?.orderingKey ? Math.floor((maxRows * 5) / 6) : maxRows };
  }

  private async landRows(
    on: Connection,
    topic: string,
    rows: MessageRow[],
    timing: Timing,
    transactions?: PublishingTransactions,
  ): Promise<number> {
    const { database } = this.connections;
    const { firstSeq, seqs, session } = await insertMessages(database, on, rows, timing);
    // Nobody has been told of the messages yet: without their deliveries they are as good as gone, even if this fails.
    await transactions?.takeBackOutside(session, async () => {
      await deleteJustInserted(database, on, { firstSeq, rows });
      return 0;
    });
    const orderingKeys = rows.flatMap(({ orderingKey }) => orderingKey ?? []);
    const batch = {
      topicId: rows[0]!.topicId,
      firstSeq,
      count: rows.length,
      seqs,
      orderingKeys: orderingKeys.length > 0 ? orderingKeys : undefined,
    };
    if ((await fanOut(database, on, batch, timing)) > 0) return 0;
    if ((await parkMessages(database, on, batch, timing)) !== rows.length) {
      // Its number was remembered from before somebody emptied or restored the tables.
      this.topics.forget(topic);
      throw new SchemaMissingError(
        `Topic ${topic} is no longer in the database, so the message would go to nobody. It was not published; publish it again.`,
      );
    }
    return rows.length;
  }
}
