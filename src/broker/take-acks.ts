import {
  type AttemptRecord,
  type Connection,
  type Lease,
  type LibraryConnections,
  acknowledge,
  byPlace,
  extendLeases,
  findHeld,
  giveBack,
  insertDeadLetter,
  insertWaiting,
  lockHeld,
  postponeKeyed,
} from '../storage/index.js';

/** Step 5: the broker takes ACKs, and what comes instead of one. Who lost the lease changes nothing. */
export class TakingAcks {
  constructor(private readonly connections: LibraryConnections) {}

  async acknowledge(held: Lease): Promise<boolean> {
    const { database } = this.connections;
    return this.connections.controlTransaction((on) => acknowledge(database, on, held));
  }

  async giveBack(held: Lease, delayMs: number): Promise<boolean> {
    const { database } = this.connections;
    return this.connections.controlTransaction((on) => giveBack(database, on, held, delayMs));
  }

  async retryLater(held: Lease, attempt: AttemptRecord, delayMs: number): Promise<boolean> {
    const { database } = this.connections;
    if (held.orderingKey) {
      return this.connections.controlTransaction((on) => postponeKeyed(database, on, held, attempt, delayMs));
    }
    return this.move(held, (on) => insertWaiting(database, on, held, attempt, delayMs));
  }

  async deadLetter(held: Lease, attempt: AttemptRecord, reason: string): Promise<boolean> {
    const { database } = this.connections;
    return this.move(held, (on) => insertDeadLetter(database, on, held, attempt, reason));
  }

  async extend(subscription: { id: number }, held: readonly Lease[], leaseMs: number): Promise<Lease[]> {
    const { database } = this.connections;
    const tokens = [...new Map(held.map(({ token }) => [token.toString('hex'), token])).values()];
    const still = await this.connections.controlTransaction(async (on) => {
      const found = new Set<number>();
      for (const those of byPlace(held)) {
        const which = { subscriptionId: subscription.id, those, tokens };
        await extendLeases(database, on, { ...which, leaseMs });
        for (const seq of await findHeld(database, on, which)) found.add(seq);
      }
      return found;
    });
    return held.filter(({ seq }) => !still.has(seq));
  }

  /** Lock by id, insert by id, delete by id. */
  private async move(held: Lease, insert: (on: Connection) => Promise<void>): Promise<boolean> {
    const { database } = this.connections;
    return this.connections.controlTransaction(async (on) => {
      if (!(await lockHeld(database, on, held))) return false;
      await insert(on);
      return acknowledge(database, on, held);
    });
  }
}
