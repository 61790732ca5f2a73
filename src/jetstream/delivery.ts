import type { JsMsg } from '@nats-io/jetstream';
import type { EngineDelivery, EngineMessage } from '../transport/engine/port.js';

/** Of the time after which it would be handed out again, when that is put off. */
const RENEWED_AFTER = 0.25;

/** What a server hands out again, unless it hears of it within `ackWaitMs`. */
export class JetstreamDelivery implements EngineDelivery {
  readonly message: EngineMessage;
  readonly landedAt: number;
  private heldSince = performance.now();
  private isOver = false;

  constructor(
    private readonly came: JsMsg,
    read: { message: EngineMessage; landedAt: number },
    private readonly deps: {
      ackWaitMs: number;
      isThere: () => boolean;
      /** It takes no place any more. */
      done: (delivery: JetstreamDelivery) => void;
    },
  ) {
    this.message = read.message;
    this.landedAt = read.landedAt;
  }

  get redelivered(): boolean {
    return this.came.redelivered;
  }

  get isLost(): boolean {
    return this.isOver || performance.now() - this.heldSince > this.deps.ackWaitMs;
  }

  acknowledge(): boolean {
    return this.settle(() => this.came.ack());
  }

  requeue(): boolean {
    return this.settle(() => this.came.nak());
  }

  renew(): void {
    const heldMs = performance.now() - this.heldSince;
    if (this.isLost || heldMs < RENEWED_AFTER * this.deps.ackWaitMs) return;
    if (this.say(() => this.came.working())) this.heldSince = performance.now();
  }

  private settle(act: () => void): boolean {
    if (this.isOver) return false;
    const isTaken = !this.isLost && this.say(act);
    this.isOver = true;
    this.deps.done(this);
    return isTaken;
  }

  /** What is said while the connection is broken, nobody hears. */
  private say(act: () => void): boolean {
    if (!this.deps.isThere()) return false;
    try {
      act();
      return true;
    } catch {
      // The client is closed, and is about to say so.
      return false;
    }
  }
}
