import type { Subscription, Transport } from '../transport/port.js';
import type { HeldDelivery } from './held-delivery.js';

/** Renews the leases of what a worker holds, also of what has not begun yet, and notices those that were lost. */
export class LeaseKeeper {
  private readonly holds = new Map<HeldDelivery, () => void>();
  private timer: NodeJS.Timeout | undefined;
  private renewing: Promise<void> | undefined;

  constructor(
    private readonly transport: Transport,
    private readonly subscription: Subscription,
    private readonly leaseMs: number,
  ) {}

  get held(): readonly HeldDelivery[] {
    return [...this.holds.keys()];
  }

  hold(held: HeldDelivery, onRelease: () => void): void {
    this.holds.set(held, onRelease);
  }

  release(held: HeldDelivery): void {
    const onRelease = this.holds.get(held);
    this.holds.delete(held);
    onRelease?.();
  }

  /** Three renewals a lease: two may get lost. One at a time: a database that hangs would find a queue of them. */
  start(): void {
    this.timer = setInterval(() => {
      this.renewing ??= this.renew().finally(() => {
        this.renewing = undefined;
      });
    }, this.leaseMs / 3);
  }

  /** Waits for a renewal that is under way, not longer than `timeoutMs`: a database that hangs answers none. */
  async stop(timeoutMs: number): Promise<void> {
    clearInterval(this.timer);
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, timeoutMs);
    });
    await Promise.race([this.renewing, enough]);
    clearTimeout(timer);
  }

  /**
   * For one that has run out by its holder's count, which begins when its claim was asked for. A claim may have waited at
   * the broker, where the lease begins later: left alone, it would run out there for nobody.
   */
  async renewLate(held: HeldDelivery): Promise<void> {
    const askedAt = performance.now();
    try {
      const lost = await this.transport.extend(this.subscription, [held.claimed], this.leaseMs);
      if (lost.length === 0) return held.renewed(askedAt);
    } catch {
      // Nobody knows whose it is.
    }
    held.loseLease();
  }

  private async renew(): Promise<void> {
    // In one database, those that settle have their row locked by the transaction that is about to remove it. In two, their
    // ACK may have to be sent again and again.
    const held = this.held.filter(({ settling }) => !settling || !this.transport.colocated);
    if (held.length === 0) return;
    const askedAt = performance.now();
    try {
      const claimed = held.map((delivery) => delivery.claimed);
      const lost = new Set(await this.transport.extend(this.subscription, claimed, this.leaseMs));
      for (const delivery of held) {
        // Meanwhile it may have been acknowledged, which ends its lease too.
        const stillHere = this.holds.has(delivery) && !delivery.settling;
        if (stillHere && lost.has(delivery.claimed)) delivery.loseLease();
        else delivery.renewed(askedAt);
      }
    } catch {
      // The next renewal tries again. If none gets through, the lease runs out. In one database the fence of the ACK holds;
      // where the broker has another one, nothing but this keeps a delivery from running late, after others of its key.
      if (this.transport.colocated) return;
      for (const delivery of held) {
        if (!delivery.settling && delivery.isLeaseOver(this.leaseMs)) delivery.loseLease();
      }
    }
  }
}
