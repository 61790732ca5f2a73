import type { Transport } from '../transport/port.js';
import type { HeldDelivery } from './held-delivery.js';

/** The ACK of a delivery, where that is the handler's own call. It may call it again. */
export class OwnAck {
  private acking = Promise.resolve(false);
  private isAsked = false;

  constructor(
    private readonly transport: Pick<Transport, 'acknowledge'>,
    private readonly held: HeldDelivery,
  ) {}

  /** @returns whether the lease still held */
  take(): Promise<boolean> {
    this.isAsked = true;
    const send = () => this.send();
    this.acking = this.acking.then((acked) => acked || send(), send);
    return this.acking;
  }

  /** What was acknowledged is done, whatever went wrong after it, and also when nobody awaited the ACK. */
  wasTaken(): Promise<boolean> {
    return this.acking.catch(() => false);
  }

  /** What came of it; undefined where the handler has not called it. */
  async answer(): Promise<'taken' | 'lease-lost' | { error: unknown } | undefined> {
    if (!this.isAsked) return undefined;
    try {
      return (await this.acking) ? 'taken' : 'lease-lost';
    } catch (error) {
      return { error };
    }
  }

  private async send(): Promise<boolean> {
    const { held } = this;
    // Its row is gone with the ACK, which would look like a lost lease to whoever renews it.
    held.settling = true;
    let acked = false;
    try {
      return (acked = await this.transport.acknowledge(held.claimed));
    } finally {
      held.settling = acked;
    }
  }
}
