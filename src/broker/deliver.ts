import type { IdempotentMqEvents } from '../events/index.js';
import {
  type AttemptRecord,
  type ClaimableRow,
  type Claimer,
  type Connection,
  type DeliveryKey,
  type LibraryConnections,
  type StoredMessage,
  acknowledge,
  byPlace,
  deleteWaiting,
  findClaimable,
  findClaimableBySeq,
  findDue,
  findWork,
  giveBack,
  insertDeliveriesFromWaiting,
  leaseDeliveries,
  readMessageSizes,
  readMessages,
} from '../storage/index.js';
import { type HeadsFound, type KeySearch, KeyedLines } from './keyed-lines.js';
import { type Allowance, Limiting } from './limiting.js';

export interface ClaimRequest {
  subscription: { id: number };
  claimId: Buffer;
  after: number;
  limit: number;
  /** How much all bodies together may have, unless it is one alone. Left out: as much as the limit brings. */
  maxBytes?: number | undefined;
  leaseMs: number;
  /** Where to look for deliveries with an ordering key; left out where none are asked for. */
  keys?: (KeySearch & { first: boolean }) | undefined;
}

export interface ClaimAnswer {
  deliveries: LeasedDelivery[];
  lastSeen: number | undefined;
  suspects: DeliveryKey[];
  heldBack: boolean;
  keys: ClaimRound | undefined;
}

/** What else belongs into a claim's transaction. */
export interface AroundClaim<T> {
  begin(on: Connection): Promise<void>;
  end(on: Connection, answer: T): Promise<void>;
}

const ALONE: AroundClaim<unknown> = { begin: async () => undefined, end: async () => undefined };

type Shared = Pick<ClaimRequest, 'after' | 'keys'> & { count: number };

type ClaimRound = Omit<HeadsFound, 'heads'>;

export type ClaimOneRequest = Omit<ClaimRequest, 'after' | 'limit' | 'keys'> & DeliveryKey;

/** A delivery with its message, leased. */
export interface LeasedDelivery extends Omit<StoredMessage, 'landedAt'>, AttemptRecord {
  subscriptionId: number;
  token: Buffer;
  orderingKey: Buffer | undefined;
  landedAt: Date;
}

const DUE_BATCH = 200;

/** Step 4: the broker hands deliveries out, each to one holder at a time, and has them back when a lease runs out. */
export class Delivering {
  private readonly limiting: Limiting;
  private readonly lines: KeyedLines;

  constructor(
    private readonly connections: LibraryConnections,
    private readonly events: IdempotentMqEvents,
  ) {
    this.limiting = new Limiting(connections.database);
    this.lines = new KeyedLines(connections.database);
  }

  /**
   * A short transaction of its own, so that no claim waits for a handler. Deliveries that once lost their lease are left
   * where they are and named: whatever killed their process must not take neighbours along. `heldBack` says that the
   * group's limit kept the claim from looking further, or that the bodies had come to `maxBytes`.
   */
  async claim(
    { subscription, claimId, after, limit, maxBytes, leaseMs, keys }: ClaimRequest,
    around: AroundClaim<ClaimAnswer> = ALONE,
  ): Promise<ClaimAnswer> {
    const subscriptionId = subscription.id;
    const holder = { subscriptionId, token: claimId, leaseMs };
    return this.leasing(holder, limit, around, async (on, { count, limited }, lease) => {
      const claimer = { subscriptionId, limited };
      const { plain, keyed, looked } = await this.share(on, claimer, { after, count, keys });
      // Who has the greater half of the room by turns has the bytes by turns as well.
      const rows = keys?.first ? [...keyed, ...plain] : [...plain, ...keyed];
      const leasable = rows.filter((row) => !isSuspect(row));
      const fitting = maxBytes === undefined ? leasable : await this.fitting(on, leasable, maxBytes);
      // The next claim begins before these.
      const left = new Set(leasable.slice(fitting.length));
      const firstLeft = plain.findIndex((row) => left.has(row));
      return {
        deliveries: await lease(fitting),
        lastSeen: plain.slice(0, firstLeft === -1 ? undefined : firstLeft).at(-1)?.seq,
        suspects: rows.filter(isSuspect).map(({ seq, orderingKey }) => ({ seq, orderingKey })),
        heldBack: left.size > 0 || (count < limit && rows.length === count),
        keys: keys && keyed.some((row) => left.has(row)) ? { after: keys.after, exhausted: false } : looked,
      };
    });
  }

  /** As many of the first ones as have so many bytes together, and one at least. */
  private async fitting(
    on: Connection,
    rows: readonly ClaimableRow[],
    maxBytes: number,
  ): Promise<readonly ClaimableRow[]> {
    if (rows.length <= 1) return rows;
    const seqs = rows.map(({ seq }) => seq);
    const sizes = await readMessageSizes(this.connections.database, on, seqs);
    let bytes = 0;
    // What went wrong before is handed out as well.
    const sizeOf = ({ seq, errors }: ClaimableRow) => (sizes.get(seq) ?? 0) + (errors?.length ?? 0);
    return rows.filter((row, i) => (bytes += sizeOf(row)) <= maxBytes || i === 0);
  }

  /**
   * Deliveries with an ordering key and those without share the room: each kind has half of it, if there are as many, and
   * who has the greater half takes turns.
   */
  private async share(
    on: Connection,
    claimer: Claimer,
    { after, count, keys }: Shared,
  ): Promise<{ plain: ClaimableRow[]; keyed: ClaimableRow[]; looked?: ClaimRound | undefined }> {
    const { database } = this.connections;
    if (count === 0) return { plain: [], keyed: [] };
    const found = keys && (await this.lines.look(on, claimer, keys, count));
    const half = keys?.first ? Math.ceil(count / 2) : Math.floor(count / 2);
    const room = count - Math.min(half, found?.heads.length ?? 0);
    const plain = room > 0 ? await findClaimable(database, on, { ...claimer, after, limit: room }) : [];
    if (!found) return { plain, keyed: [] };
    const heads = found.heads.slice(0, count - plain.length);
    const keyed = await this.lines.claim(on, claimer, heads);
    const isCut = heads.length < found.heads.length;
    const looked = isCut
      ? { after: heads.at(-1)?.orderingKey ?? keys.after, exhausted: false }
      : { after: found.after, exhausted: found.exhausted };
    return { plain, keyed, looked };
  }

  /** One delivery that once lost its lease, for a process that runs nothing else meanwhile. */
  async claimAlone(
    { subscription, claimId, seq, orderingKey, leaseMs }: ClaimOneRequest,
    around: AroundClaim<LeasedDelivery | undefined> = ALONE,
  ): Promise<LeasedDelivery | undefined> {
    const { database } = this.connections;
    const subscriptionId = subscription.id;
    const holder = { subscriptionId, token: claimId, leaseMs };
    return this.leasing(holder, 1, around, async (on, { count, limited }, lease) => {
      if (count === 0) return undefined;
      const claimer = { subscriptionId, limited };
      const row = orderingKey
        ? await this.lines.claimOne(on, claimer, { orderingKey, seq })
        : await findClaimableBySeq(database, on, { ...claimer, seq });
      if (!row) return undefined;
      const [delivery] = await lease([{ ...row, lostLeases: row.lostLeases + (row.leaseExpired ? 1 : 0) }]);
      return delivery;
    });
  }

  /** Brings back what has waited for its time, and says whether a claim would find anything, but for limits. */
  async poll(subscription: { id: number }, after: number) {
    const { database } = this.connections;
    const { due, claimable, keyed, limited, removed } = await this.connections.control((on) =>
      findWork(database, on, { subscriptionId: subscription.id, after }),
    );
    this.limiting.note(subscription.id, limited);
    const broughtBack = due ? await this.bringBackDue(subscription.id) : undefined;
    return { claimable: claimable || broughtBack !== undefined, keyed, broughtBack, limited, removed };
  }

  /**
   * A claim's transaction. Where its COMMIT got no answer, what it may have leased is handed back: nobody would run it,
   * and when the lease ran out, it would look as if its process had died.
   */
  private async leasing<T>(
    holder: { subscriptionId: number; token: Buffer; leaseMs: number },
    wanted: number,
    around: AroundClaim<T>,
    claim: (
      on: Connection,
      allowance: Allowance,
      lease: (rows: readonly ClaimableRow[]) => Promise<LeasedDelivery[]>,
    ) => Promise<T>,
  ): Promise<T> {
    const { database } = this.connections;
    const { subscriptionId, token } = holder;
    let leased: readonly ClaimableRow[] = [];
    let missing: readonly ClaimableRow[] = [];
    try {
      const answer = await this.connections.controlTransaction(async (on) => {
        await around.begin(on);
        const allowance = await this.limiting.allow(on, subscriptionId, wanted);
        const claimed = await claim(on, allowance, async (rows) => {
          if (rows.length === 0) return [];
          leased = rows;
          const seqs = rows.map(({ seq }) => seq);
          for (const those of byPlace(rows)) await leaseDeliveries(database, on, { ...holder, those });
          await allowance.take(rows, token);
          // On the same connection: behind a proxy that splits reads from writes, another one may lag.
          const messages = new Map((await readMessages(database, on, seqs)).map((row) => [row.seq, row]));
          missing = rows.filter(({ seq }) => !messages.has(seq));
          return rows.flatMap((row) => {
            const message = messages.get(row.seq);
            return message ? [leasedDelivery(row, message, { subscriptionId, token })] : [];
          });
        });
        await around.end(on, claimed);
        return claimed;
      });
      await this.dropThose(missing, subscriptionId, token);
      return answer;
    } catch (error) {
      // Whoever can ask again may have been given them by now, under the same token.
      if (around === ALONE) await this.handBack(subscriptionId, token, leased);
      throw error;
    }
  }

  /** What an operator deleted by hand would else come back for ever, as a suspect that nobody can run. */
  private async dropThose(
    missing: readonly ClaimableRow[],
    subscriptionId: number,
    token: Buffer,
  ): Promise<void> {
    const { database } = this.connections;
    for (const { seq, orderingKey } of missing) {
      const held = { subscriptionId, seq, orderingKey, token };
      // Asked for by itself, it may turn out to be there: then the answer was incomplete, for whatever reason.
      const [there] = await this.connections.control((on) => readMessages(database, on, [seq]));
      if (there) {
        await this.connections.control((on) => giveBack(database, on, held, 0));
        continue;
      }
      await this.connections.control((on) => acknowledge(database, on, held));
      this.events.emit({ type: 'message-missing', subscriptionId, seq });
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
      Promise.all(
        rows.map(({ seq, orderingKey }) =>
          giveBack(database, on, { subscriptionId, seq, orderingKey, token }, 0),
        ),
      );
    // If that fails too, the leases run out.
    await this.connections.control(back).catch(() => undefined);
  }

  /** @returns the lowest number of those that are back; undefined: none was due any more */
  private async bringBackDue(subscriptionId: number): Promise<number | undefined> {
    const { database } = this.connections;
    return this.connections.controlTransaction(async (on) => {
      const seqs = await findDue(database, on, { subscriptionId, limit: DUE_BATCH });
      if (seqs.length > 0) {
        await insertDeliveriesFromWaiting(database, on, { subscriptionId, seqs });
        await deleteWaiting(database, on, { subscriptionId, seqs });
      }
      return seqs.length > 0 ? Math.min(...seqs) : undefined;
    });
  }
}

export function leasedDelivery(
  { orderingKey, failures, lostLeases, errors }: ClaimableRow,
  { landedAt, ...message }: StoredMessage,
  lease: { subscriptionId: number; token: Buffer },
): LeasedDelivery {
  const attempts = { failures, lostLeases, errors };
  return { ...message, ...lease, orderingKey, landedAt: new Date(landedAt / 1000), ...attempts };
}

function isSuspect({ leaseExpired, lostLeases }: ClaimableRow): boolean {
  return leaseExpired || lostLeases > 0;
}
