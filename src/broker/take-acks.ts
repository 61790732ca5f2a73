import { LeaseLostError } from '../errors/index.js';
import {
  type AttemptRecord,
  type Connection,
  type Lease,
  type LibraryConnections,
  acknowledge,
  byPlace,
  deleteBySeq,
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

  /** Many of them, in one transaction. @returns for each whether its lease still held */
  async acknowledgeAll(held: readonly Lease[]): Promise<boolean[]> {
    try {
      return await this.connections.controlTransaction(async (on) => {
        const taken = new Set<Lease>();
        for (const those of byClaim(held))
          for (const lease of await this.takeAll(on, those)) taken.add(lease);
        return held.map((lease) => taken.has(lease));
      });
    } catch (error) {
      if (!(error instanceof LeaseLostError)) throw error;
      const taken: boolean[] = [];
      for (const lease of held) taken.push(await this.acknowledge(lease));
      return taken;
    }
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
      const found = new Map<number, Buffer>();
      for (const those of byPlace(held)) {
        const which = { subscriptionId: subscription.id, those, tokens };
        await extendLeases(database, on, { ...which, leaseMs });
        for (const { seq, token } of await findHeld(database, on, which)) found.set(seq, token);
      }
      return found;
    });
    // The caller may have lost it, and have it again under another token.
    return held.filter(({ seq, token }) => !still.get(seq)?.equals(token));
  }

  /** Of one claim. @returns those that were taken */
  private async takeAll(on: Connection, those: readonly Lease[]): Promise<Lease[]> {
    const { database } = this.connections;
    const [{ subscriptionId, token, orderingKey }] = those as [Lease];
    if (!orderingKey && those.length > 1) {
      const found = await findHeld(database, on, { subscriptionId, those, tokens: [token] });
      const seqs = found.map(({ seq }) => seq);
      const held = new Set(seqs);
      const owner = { column: 'subscription_id', id: subscriptionId } as const;
      const deleted =
        seqs.length > 0
          ? await deleteBySeq(database, on, database.tables.delivery, seqs, { owner, token })
          : 0;
      if (deleted === seqs.length) return those.filter(({ seq }) => held.has(seq));
      throw new LeaseLostError('Between the two statements one lost its lease, and nobody can say which.');
    }
    const taken: Lease[] = [];
    for (const lease of those) if (await acknowledge(database, on, lease)) taken.push(lease);
    return taken;
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

/** Those of one claim without an ordering key are taken together; of those with one, a claim has few. */
function byClaim(held: readonly Lease[]): Lease[][] {
  const claims = new Map<string, Lease[]>();
  for (const lease of held) {
    const { subscriptionId, token, orderingKey } = lease;
    const kind = orderingKey ? 'keyed' : 'plain';
    const claim = `${kind} ${subscriptionId} ${token.toString('hex')}`;
    const before = claims.get(claim);
    if (before) before.push(lease);
    else claims.set(claim, [lease]);
  }
  return [...claims.values()];
}
