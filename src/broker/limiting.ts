import {
  type Connection,
  type Database,
  type DeliveryKey,
  type LimitRow,
  countLimitedLeases,
  deleteLimitedLeases,
  insertLimitedLeases,
  lockLimit,
  updateLimit,
} from '../storage/index.js';
import { type Bucket, refilled, wholeTokens } from './token-bucket.js';

/** What one claim may hand out. */
export interface Allowance {
  count: number;
  /** The group has a limit, which the claim's transaction holds. */
  limited: boolean;
  /** Counts what was leased, in the claim's transaction. */
  take(those: readonly DeliveryKey[], token: Buffer): Promise<void>;
}

/**
 * Holds groups to their limits, in the claim's own transaction. Groups without one cost nothing: that a subscription's
 * group has got one is learnt from the poll, and a claim that does not know of it yet is given nothing; then it looks, since
 * the poll may have come to another instance.
 */
export class Limiting {
  /** Subscriptions whose group is limited. */
  private readonly limited = new Set<number>();

  constructor(private readonly database: Database) {}

  note(subscriptionId: number, limited: boolean): void {
    if (limited) this.limited.add(subscriptionId);
    else this.limited.delete(subscriptionId);
  }

  knows(subscriptionId: number): boolean {
    return this.limited.has(subscriptionId);
  }

  /** Begins a claim's transaction: the limit's lock comes before those of deliveries. */
  async allow(on: Connection, subscriptionId: number, wanted: number): Promise<Allowance> {
    const limit = this.limited.has(subscriptionId)
      ? await lockLimit(this.database, on, subscriptionId)
      : undefined;
    if (!limit) return { count: wanted, limited: false, take: async () => undefined };
    const bucket = refilled(limit);
    if (bucket.refilledAt < limit.refilledAt) await updateLimit(this.database, on, { ...limit, ...bucket });
    const rate = limit.perSecond === null ? wanted : wholeTokens(bucket);
    const places = limit.concurrency === null ? wanted : await this.places(on, limit, limit.concurrency);
    return {
      count: Math.max(0, Math.min(wanted, rate, places)),
      limited: true,
      take: (those, token) => this.take(on, limit, bucket, { subscriptionId, those, token }),
    };
  }

  private async places(on: Connection, { group }: LimitRow, concurrency: number): Promise<number> {
    const { held, ended } = await countLimitedLeases(this.database, on, group);
    if (ended.length > 0) await deleteLimitedLeases(this.database, on, group, ended);
    return concurrency - held;
  }

  private async take(
    on: Connection,
    limit: LimitRow,
    { tokens, refilledAt }: Bucket,
    lease: { subscriptionId: number; those: readonly DeliveryKey[]; token: Buffer },
  ): Promise<void> {
    const { group, concurrency, perSecond } = limit;
    if (concurrency !== null) await insertLimitedLeases(this.database, on, { group, ...lease });
    if (perSecond === null) return;
    const left = Math.max(0, tokens - lease.those.length);
    await updateLimit(this.database, on, { ...limit, tokens: left, refilledAt });
  }
}
