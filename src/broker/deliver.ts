import type { IdempotentMqEvents } from '../events/index.js';
import {
  type AttemptRecord,
  type ClaimableRow,
  type Connection,
  type LibraryConnections,
  type StoredMessage,
  acknowledge,
  deleteWaiting,
  findClaimable,
  findClaimableBySeq,
  findDue,
  findWork,
  giveBack,
  insertDeliveriesFromWaiting,
  leaseDeliveries,
  readMessages,
} from '../storage/index.js';

export interface ClaimRequest {
  subscription: { id: number };
  claimId: Buffer;
  after: number;
  limit: number;
  leaseMs: number;
}

/** A delivery with its message, leased. */
export interface LeasedDelivery extends Omit<StoredMessage, 'landedAt'>, AttemptRecord {
  subscriptionId: number;
  token: Buffer;
  landedAt: Date;
}

const DUE_BATCH = 200;

/** Step 4: the broker hands deliveries out, each to one holder at a time, and has them back when a lease runs out. */
export class Delivering {
  constructor(
    private readonly connections: LibraryConnections,
    private readonly events: IdempotentMqEvents,
  ) {}

  /**
   * A short transaction of its own, so that no claim waits for a handler. Deliveries that once lost their lease are left
   * where they are and named: whatever killed their process must not take neighbours along.
   */
  async claim({ subscription, claimId, after, limit, leaseMs }: ClaimRequest) {
    const { database } = this.connections;
    const found = await this.leasing(subscription.id, claimId, async (on, lease) => {
      const rows = await findClaimable(database, on, { subscriptionId: subscription.id, after, limit });
      const healthy = rows.filter((row) => !isSuspect(row));
      await lease(healthy, leaseMs);
      return { rows, healthy };
    });
    return {
      deliveries: await this.withMessages(subscription.id, claimId, found.healthy),
      lastSeen: found.rows.at(-1)?.seq,
      suspects: found.rows.filter(isSuspect).map(({ seq }) => seq),
    };
  }

  /** One delivery that once lost its lease, for a process that runs nothing else meanwhile. */
  async claimAlone(request: Omit<ClaimRequest, 'after' | 'limit'> & { seq: number }) {
    const { subscription, claimId, seq, leaseMs } = request;
    const { database } = this.connections;
    const row = await this.leasing(subscription.id, claimId, async (on, lease) => {
      const found = await findClaimableBySeq(database, on, { subscriptionId: subscription.id, seq });
      if (!found) return undefined;
      await lease([found], leaseMs);
      return { ...found, lostLeases: found.lostLeases + (found.leaseExpired ? 1 : 0) };
    });
    return row && (await this.withMessages(subscription.id, claimId, [row]))[0];
  }

  /** Brings back what has waited for its time, and says whether a claim would find anything. */
  async poll(subscription: { id: number }, after: number) {
    const { database } = this.connections;
    const { due, claimable } = await this.connections.control((on) =>
      findWork(database, on, { subscriptionId: subscription.id, after }),
    );
    const broughtBack = due && (await this.bringBackDue(subscription.id)) > 0;
    return { claimable: claimable || broughtBack, broughtBack };
  }

  /**
   * A claim's transaction. Where its COMMIT got no answer, what it may have leased is handed back: nobody would run it,
   * and when the lease ran out, it would look as if its process had died.
   */
  private async leasing<T>(
    subscriptionId: number,
    token: Buffer,
    claim: (
      on: Connection,
      lease: (rows: readonly ClaimableRow[], leaseMs: number) => Promise<void>,
    ) => Promise<T>,
  ): Promise<T> {
    const { database } = this.connections;
    let leased: readonly ClaimableRow[] = [];
    try {
      return await this.connections.controlTransaction((on) =>
        claim(on, async (rows, leaseMs) => {
          if (rows.length === 0) return;
          leased = rows;
          const seqs = rows.map(({ seq }) => seq);
          await leaseDeliveries(database, on, { subscriptionId, seqs, token, leaseMs });
        }),
      );
    } catch (error) {
      await this.handBack(subscriptionId, token, leased);
      throw error;
    }
  }

  private async handBack(
    subscriptionId: number,
    token: Buffer,
    rows: readonly ClaimableRow[],
  ): Promise<void> {
    if (rows.length === 0) return;
    const { database } = this.connections;
    const back = (on: Connection) =>
      Promise.all(rows.map(({ seq }) => giveBack(database, on, { subscriptionId, seq, token }, 0)));
    // If that fails too, the leases run out.
    await this.connections.control(back).catch(() => undefined);
  }

  private async bringBackDue(subscriptionId: number): Promise<number> {
    const { database } = this.connections;
    return this.connections.controlTransaction(async (on) => {
      const seqs = await findDue(database, on, { subscriptionId, limit: DUE_BATCH });
      if (seqs.length > 0) {
        await insertDeliveriesFromWaiting(database, on, { subscriptionId, seqs });
        await deleteWaiting(database, on, { subscriptionId, seqs });
      }
      return seqs.length;
    });
  }

  private async withMessages(
    subscriptionId: number,
    token: Buffer,
    rows: readonly ClaimableRow[],
  ): Promise<LeasedDelivery[]> {
    if (rows.length === 0) return [];
    const messages = await this.messagesOf(subscriptionId, token, rows);
    await this.dropThoseWithout(messages, subscriptionId, token, rows);
    return rows.flatMap(({ seq, failures, lostLeases, errors }) => {
      const message = messages.get(seq);
      if (!message) return [];
      const landedAt = new Date(message.landedAt / 1000);
      return [{ ...message, landedAt, subscriptionId, token, failures, lostLeases, errors }];
    });
  }

  /** What an operator deleted by hand would else come back for ever, as a suspect that nobody can run. */
  private async dropThoseWithout(
    messages: ReadonlyMap<number, StoredMessage>,
    subscriptionId: number,
    token: Buffer,
    rows: readonly ClaimableRow[],
  ): Promise<void> {
    const { database } = this.connections;
    for (const { seq } of rows.filter((row) => !messages.has(row.seq))) {
      await this.connections.control((on) => acknowledge(database, on, { subscriptionId, seq, token }));
      this.events.emit({ type: 'message-missing', subscriptionId, seq });
    }
  }

  private async messagesOf(subscriptionId: number, token: Buffer, rows: readonly ClaimableRow[]) {
    const { database } = this.connections;
    const read = (on: Connection) =>
      readMessages(
        database,
        on,
        rows.map(({ seq }) => seq),
      );
    try {
      const messages = await this.connections.control(read);
      return new Map(messages.map((message) => [message.seq, message]));
    } catch (error) {
      // Else they would come back as if their process had died, one at a time.
      await this.handBack(subscriptionId, token, rows);
      throw error;
    }
  }
}

function isSuspect({ leaseExpired, lostLeases }: ClaimableRow): boolean {
  return leaseExpired || lostLeases > 0;
}
