import { LeaseLostError } from '../errors/index.js';
import { decodeHeaders } from '../topic/index.js';
import type { ClaimedDelivery } from '../transport/port.js';

/** Why a running handler was told to stop. */
export type AbortCause = 'lease-lost' | 'shutdown' | 'timeout';

/** A delivery that this process holds, from its claim until its outcome is known. */
export class HeldDelivery {
  readonly bizId: string;
  readonly attempt: number;
  private readonly controller = new AbortController();
  /** Past the handler: its last statements are on their way, and may hold the delivery's row. */
  settling = false;
  abortedBy: AbortCause | undefined;
  /** Gets the transaction out of the way of a handler that doesn't stop; set while one runs. */
  abandon: ((cause: Error) => void) | undefined;

  constructor(readonly claimed: ClaimedDelivery) {
    this.bizId = claimed.bizId.toString('utf8');
    this.attempt = claimed.failures + claimed.lostLeases + 1;
  }

  /** Decoded in the attempt, which answers for what can't be read. */
  get headers(): ReadonlyMap<string, string> {
    return decodeHeaders(this.claimed.headers);
  }

  get signal(): AbortSignal {
    return this.controller.signal;
  }

  abort(by: AbortCause, reason: Error): void {
    if (this.abortedBy) return;
    this.abortedBy = by;
    this.controller.abort(reason);
  }

  loseLease(): void {
    const error = new LeaseLostError(
      `The lease of ${this.bizId} ran out, so the delivery belongs to somebody else by now.`,
    );
    this.abort('lease-lost', error);
    this.abandon?.(error);
  }
}
