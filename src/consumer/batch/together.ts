import type { HeldDelivery } from '../held-delivery.js';
import { Stoppable } from '../stoppable.js';

/** Deliveries that are run as one: what stops one of them, or gets it out of the way, does so with all. Not the reverse. */
export class Together extends Stoppable {
  private readonly stops = new Map<HeldDelivery, () => void>();

  constructor(all: readonly HeldDelivery[]) {
    super();
    for (const held of all) {
      const stop = () => this.abort(held.abortedBy!, held.signal.reason as Error);
      this.stops.set(held, stop);
      if (held.signal.aborted) stop();
      else held.signal.addEventListener('abort', stop);
      held.abandon = (cause) => this.abandon?.(cause);
    }
  }

  /** They are no longer run as one. */
  part(): void {
    for (const [held, stop] of this.stops) {
      held.signal.removeEventListener('abort', stop);
      held.abandon = undefined;
    }
  }
}
