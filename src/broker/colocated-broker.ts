import type { DataSource, QueryRunner } from 'typeorm';
import type { IdempotentMqEvents } from '../events/index.js';
import {
  type Connection,
  type Lease,
  type LibraryConnections,
  type Timing,
  type WriteResult,
  acknowledge,
  acknowledgeAllWithEffects,
  acknowledgeWithEffect,
  byPlace,
} from '../storage/index.js';
import { CommitBell, PublishingTransactions } from '../transaction/index.js';
import type { Cancelling } from './cancel.js';
import type { IncomingMessage, Landing } from './land.js';
import type { LandedBell } from './landed-bell.js';

interface Landed {
  topic: string;
  count: number;
  parked: number;
  keyed: boolean;
}

/**
 * Deliveries with ordering keys in one statement. No index leads from their dedup rows to them, so a server compares each
 * with each.
 */
const KEYED_ACKS = 50;

/** The broker in the business's own database: its steps ride on the business's transactions. */
export class ColocatedBroker {
  private readonly transactions: PublishingTransactions;
  private readonly committed: CommitBell<Landed>;

  constructor(
    dataSource: DataSource,
    private readonly connections: LibraryConnections,
    private readonly landing: Landing,
    private readonly cancelling: Cancelling,
    bell: LandedBell,
    events: IdempotentMqEvents,
  ) {
    this.transactions = new PublishingTransactions(dataSource, connections.database.dialect);
    this.committed = new CommitBell(dataSource, (landed) => {
      for (const { topic, count, parked } of landed) {
        if (events.wants('published')) events.emit({ type: 'published', topic, count });
        if (parked > 0) events.emit({ type: 'parked', topic, count: parked });
      }
      bell.ring(landed);
    });
  }

  async put(
    runner: QueryRunner,
    topic: string,
    messages: readonly IncomingMessage[],
    timing?: Timing,
  ): Promise<void> {
    const parked = await this.transactions.join(runner, () =>
      this.landing.landWithin(runner, this.transactions, topic, messages, timing),
    );
    const keyed = messages[0]?.orderingKey !== undefined;
    this.committed.expect(runner, { topic, count: messages.length, parked, keyed });
  }

  cancel(runner: QueryRunner, topic: string, bizId: Buffer): Promise<number> {
    return this.transactions.join(runner, () => this.cancelling.cancel(runner, topic, bizId));
  }

  async acknowledgeWithin(on: Connection, held: Lease): Promise<boolean> {
    return acknowledge(this.connections.database, on, held);
  }

  async acknowledgeWithEffect(
    on: Connection,
    held: Lease,
    dedup: { scenarioId: number; bizId: Buffer; token: Buffer },
  ) {
    const { affected, session } = await acknowledgeWithEffect(this.connections.database, on, held, dedup);
    return { acknowledged: affected === 1, autocommit: session?.autocommit ?? false };
  }

  async acknowledgeAllWithEffects(
    on: Connection,
    held: readonly (Lease & { bizId: Buffer })[],
    dedup: { scenarioId: number; token: Buffer },
  ) {
    const { database } = this.connections;
    const answers: WriteResult[] = [];
    for (const those of byPlace(held, KEYED_ACKS))
      answers.push(await acknowledgeAllWithEffects(database, on, those, dedup));
    return {
      acknowledged: answers.reduce((sum, { affected }) => sum + affected, 0),
      autocommit: answers.some(({ session }) => session?.autocommit),
    };
  }

  close(): void {
    this.committed.close();
    this.transactions.close();
  }
}
