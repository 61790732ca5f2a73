import { LeaseLostError } from '../errors/index.js';
import { decodeHeaders } from '../topic/index.js';
import type { GuardedSpan } from '../tracing/index.js';
import type { ClaimedDelivery } from '../transport/port.js';
import { Stoppable } from './stoppable.js';

/** A delivery that this process holds, from its claim until its outcome is known. */
export class HeldDelivery extends Stoppable {
  readonly bizId: string;
  readonly attempt: number;
  readonly orderingKey: string | undefined;
  /** Past the handler: its last statements are on their way, and may hold the delivery's row. */
  settling = false;
  /** When its handler was about to be called, by performance.now(). */
  private begunAt: number | undefined;
  /** That of its attempt, where somebody traces. */
  span: GuardedSpan | undefined;
  private readonly claimedAt = { monotonicMs: performance.now(), wallMs: Date.now() };

  /** When its lease was last known to be renewed, or given, at the latest. */
  private leasedAt: number;

  /** @param askedAt when the claim was asked for, by performance.now() */
  constructor(
    readonly claimed: ClaimedDelivery,
    askedAt = performance.now(),
  ) {
    super();
    this.leasedAt = askedAt;
    this.bizId = claimed.bizId.toString('utf8');
    this.orderingKey = claimed.orderingKey?.toString('utf8');
    this.attempt = claimed.failures + claimed.lostLeases + 1;
  }

  /** The first loss was in company; only those since then were its own. */
  get leasesLostAlone(): number {
    return Math.max(0, this.claimed.lostLeases - 1);
  }

  /** Decoded in the attempt, which answers for what can't be read. */
  get headers(): ReadonlyMap<string, string> {
    return decodeHeaders(this.claimed.headers);
  }

  /** When its claim was answered, by this process's clock. */
  get claimedAtWall(): Date {
    return new Date(this.claimedAt.wallMs);
  }

  /** Since its claim was answered, in milliseconds. */
  get heldForMs(): number {
    return performance.now() - this.claimedAt.monotonicMs;
  }

  /** This attempt begins. */
  begin(): void {
    this.begunAt = performance.now();
  }

  /** Since {@link begin}, in milliseconds; undefined before. */
  get tookMs(): number | undefined {
    return this.begunAt === undefined ? undefined : performance.now() - this.begunAt;
  }

  /** Counts on from what the broker said at the claim, by a clock that nobody sets. */
  get isExpired(): boolean {
    const { expiresInMs = Infinity } = this.claimed;
    return this.heldForMs >= expiresInMs;
  }

  /** Since it landed, in milliseconds. By two clocks, because the one stands still while the machine sleeps, and the other may be set back. */
  get ageMs(): number {
    const { monotonicMs, wallMs } = this.claimedAt;
    return this.claimed.ageMs + Math.max(performance.now() - monotonicMs, Date.now() - wallMs);
  }

  /** @param askedAt when the renewal was asked for, by performance.now() */
  renewed(askedAt: number): void {
    this.leasedAt = Math.max(this.leasedAt, askedAt);
  }

  /** Nobody has renewed it for that long: a broker that can't be reached has given it to somebody else by now. */
  isLeaseOver(leaseMs: number): boolean {
    return performance.now() - this.leasedAt >= leaseMs;
  }

  loseLease(): void {
    const error = new LeaseLostError(
      `The lease of ${this.bizId} ran out, so the delivery belongs to somebody else by now.`,
    );
    this.abort('lease-lost', error);
    this.abandon?.(error);
  }
}
