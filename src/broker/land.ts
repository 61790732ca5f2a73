import type { QueryRunner } from 'typeorm';
import { InvalidPayloadError, SchemaMissingError, TransactionEndedError } from '../errors/index.js';
import {
  type LibraryConnections,
  type MessageRow,
  type Timing,
  deleteJustInserted,
  fanOut,
  insertMessages,
  parkMessages,
} from '../storage/index.js';
import type { PublishingTransactions } from './publishing-transactions.js';
import type { Topics } from './topics.js';

export interface LandingLimits {
  /** Rows of one INSERT. */
  maxRows: number;
  /** Bytes of one INSERT's values. */
  maxBytes: number;
  /** The server's max_allowed_packet: past it, the publisher's connection dies. */
  packetBytes: number;
}

/** A message as it comes from a publisher. */
export type IncomingMessage = Omit<MessageRow, 'topicId'>;

/** Step 2: the broker stores the message, and a delivery for each group. */
export class Landing {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly topics: Topics,
    private readonly transactions: PublishingTransactions,
    private readonly limits: LandingLimits,
  ) {}

  /**
   * In the publisher's own transaction, two statements a batch. When a later batch fails, that transaction can't commit.
   *
   * @returns how many of them found no group, and are parked
   * @throws TransactionEndedError when the session turns out to be in no transaction; what was written is taken back
   */
  async land(
    runner: QueryRunner,
    topic: string,
    messages: readonly IncomingMessage[],
    timing: Timing = {},
  ): Promise<number> {
    const batches = [...this.batches(messages)];
    const topicId = await this.topics.idWithin(runner, topic);
    let parked = 0;
    for (const [landed, batch] of batches.entries()) {
      try {
        const rows = batch.map((message) => ({ ...message, topicId }));
        parked += await this.landBatch(runner, topic, rows, timing);
      } catch (error) {
        if (landed > 0) this.transactions.spoil(runner, error);
        throw error;
      }
    }
    return parked;
  }

  private async landBatch(
    runner: QueryRunner,
    topic: string,
    rows: MessageRow[],
    timing: Timing,
  ): Promise<number> {
    const { database } = this.connections;
    await this.refuseOutsideTransaction(runner);
    const { firstSeq, session } = await insertMessages(database, runner, rows, timing);
    if (session && !session.inTransaction) {
      // Nobody has been told of the message yet: without its deliveries it is as good as gone, even if this fails.
      await deleteJustInserted(database, runner, { firstSeq, rows });
      throw new TransactionEndedError(
        'the server says that the session is in no transaction (an earlier error, such as a deadlock, or DDL has ended it)',
      );
    }
    const batch = { topicId: rows[0]!.topicId, firstSeq, count: rows.length };
    if ((await fanOut(database, runner, batch, timing)) > 0) return 0;
    if ((await parkMessages(database, runner, batch, timing)) !== rows.length) {
      // Its number was remembered from before somebody emptied or restored the tables.
      this.topics.forget(topic);
      throw new SchemaMissingError(
        `Topic ${topic} is no longer in the database, so the message would go to nobody. It was not published; publish it again.`,
      );
    }
    return rows.length;
  }

  /** SQLite says where it stands before a statement, and would make it durable at once. */
  private async refuseOutsideTransaction(runner: QueryRunner): Promise<void> {
    if (this.connections.database.dialect.engine !== 'sqlite') return;
    const handle = (await runner.connect()) as { inTransaction?: boolean };
    if (handle.inTransaction === false) {
      throw new TransactionEndedError(
        'SQLite says that the connection is in no transaction (an earlier error has ended it)',
      );
    }
  }

  private *batches(messages: readonly IncomingMessage[]): Generator<IncomingMessage[]> {
    let batch: IncomingMessage[] = [];
    let bytes = 0;
    for (const message of messages) {
      const size = wireSize(message);
      if (size > this.limits.packetBytes) throw tooLargeForServer(size, this.limits.packetBytes);
      if (batch.length > 0 && (batch.length >= this.limits.maxRows || bytes + size > this.limits.maxBytes)) {
        yield batch;
        batch = [];
        bytes = 0;
      }
      batch.push(message);
      bytes += size;
    }
    if (batch.length > 0) yield batch;
  }
}

function tooLargeForServer(size: number, packetBytes: number): InvalidPayloadError {
  return new InvalidPayloadError(
    `The message takes ${size} bytes on the wire, more than the server accepts in one packet (max_allowed_packet = ${packetBytes}). ` +
      'Raise that setting of the server, or store large data elsewhere and publish where it is.',
  );
}

/** Bytes travel as hexadecimal digits, two for each. */
function wireSize({ body, bizId, headers }: IncomingMessage): number {
  return 2 * (body.length + bizId.length + (headers?.length ?? 0)) + 200;
}
