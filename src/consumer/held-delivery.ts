import { LeaseLostError, errorCode } from '../errors/index.js';
import { decodeHeaders } from '../topic/index.js';
import type { ClaimedDelivery } from '../transport/port.js';

/** Why a running handler was told to stop. */
export type AbortCause = 'lease-lost' | 'shutdown' | 'timeout';

/** A delivery that this process holds, from its claim until its outcome is known. */
export class HeldDelivery {
  readonly bizId: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly attempt: number;
  private readonly controller = new AbortController();
  /** Past the handler: its last statements are on their way, and may hold the delivery's row. */
  settling = false;
  abortedBy: AbortCause | undefined;
  /** Gets the transaction out of the way of a handler that doesn't stop; set while one runs. */
  abandon: ((cause: Error) => void) | undefined;

  constructor(readonly claimed: ClaimedDelivery) {
    this.bizId = claimed.bizId.toString('utf8');
    this.headers = decodeHeaders(claimed.headers);
    this.attempt = claimed.failures + claimed.lostLeases + 1;
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

/** Whether an error says that a handler was told to stop rather than that it failed. */
export function isAbort(error: unknown): boolean {
  return errorCode(error) === 'LEASE_LOST' || (error instanceof Error && error.name === 'AbortError');
}
