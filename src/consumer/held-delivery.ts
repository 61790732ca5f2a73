import { LeaseLostError } from '../errors/index.js';
import { decodeHeaders } from '../topic/index.js';
import type { ClaimedDelivery } from '../transport/port.js';
import { Stoppable } from './stoppable.js';

/** A delivery that this process holds, from its claim until its outcome is known. */
export class HeldDelivery extends Stoppable {
  readonly bizId: string;
  readonly attempt: number;
  readonly orderingKey: string | undefined;
  /** Past the handler: its last statements are on their way, and may hold the delivery's row. */
  settling = false;
  private readonly claimedAt = { monotonicMs: performance.now(), wallMs: Date.now() };

  constructor(readonly claimed: ClaimedDelivery) {
    super();
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

  /** Counts on from what the broker said at the claim, by a clock that nobody sets. */
  get isExpired(): boolean {
    const { expiresInMs = Infinity } = this.claimed;
    return performance.now() - this.claimedAt.monotonicMs >= expiresInMs;
  }

  /** Since it landed, in milliseconds. By two clocks, because the one stands still while the machine sleeps, and the other may be set back. */
  get ageMs(): number {
    const { monotonicMs, wallMs } = this.claimedAt;
    return this.claimed.ageMs + Math.max(performance.now() - monotonicMs, Date.now() - wallMs);
  }

  loseLease(): void {
    const error = new LeaseLostError(
      `The lease of ${this.bizId} ran out, so the delivery belongs to somebody else by now.`,
    );
    this.abort('lease-lost', error);
    this.abandon?.(error);
  }
}
