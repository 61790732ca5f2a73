import { setTimeout as pause } from 'node:timers/promises';
import type { Subscription } from 'rxjs';
import { median, quantile } from './figures.js';
import { type Shop, pay } from './shop.js';

/** What was seen for some time. From the commit of a payment to that of its card, in milliseconds. */
export interface Window {
  perSecond: number;
  p50: number;
  p99: number;
  longest: number;
}

/** Publishers wait while so many payments have no card yet, or there would be nothing but a backlog. */
const BACKLOG = 200;
const TROUBLES = new Set([
  'given-back',
  'retry-scheduled',
  'dead-lettered',
  'worker-error',
  'lease-lost',
  'commit-unknown',
]);

/** Publishers and consumers in one process, as fast as they can. */
export class Load {
  private readonly paidAt = new Map<string, number>();
  private readonly latencies: number[] = [];
  private readonly troubles = new Map<string, number>();
  private readonly lanes: Promise<void>[] = [];
  private listening: Subscription | undefined;
  private stopped = false;
  private holding = false;
  private paid = 0;
  private acknowledged = 0;

  constructor(
    private readonly shop: Shop,
    private readonly publishers: number,
  ) {}

  start(): void {
    this.listening = this.shop.events.events$.subscribe((event) => {
      if (event.type === 'acknowledged') {
        this.acknowledged++;
        const paidAt = this.paidAt.get(event.bizId);
        this.paidAt.delete(event.bizId);
        if (paidAt !== undefined) this.latencies.push(performance.now() - paidAt);
      } else if (TROUBLES.has(event.type)) {
        this.note(event.type);
      }
    });
    for (let lane = 0; lane < this.publishers; lane++) this.lanes.push(this.keepPaying());
  }

  /** Nobody pays while this is done. */
  async held(work: () => Promise<unknown>): Promise<void> {
    this.holding = true;
    await this.settled();
    await work();
    this.holding = false;
  }

  async during(work: () => Promise<unknown>): Promise<Window> {
    this.latencies.length = 0;
    const [began, before] = [performance.now(), this.acknowledged];
    await work();
    const perSecond = (1_000 * (this.acknowledged - before)) / (performance.now() - began);
    const window = this.latencies.slice();
    return { perSecond, p50: median(window), p99: quantile(window, 0.99), longest: Math.max(...window) };
  }

  /** May be called again. */
  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.lanes);
    await this.settled();
    this.listening?.unsubscribe();
  }

  /** Whether each payment has its one card, and what got in whose way. */
  async judge(): Promise<string> {
    const { dataSource } = this.shop;
    const [counts] = await dataSource.query<[Record<string, number | string>]>(
      `SELECT (SELECT COUNT(*) FROM payment) AS payments, (SELECT COUNT(*) FROM card) AS cards,
              (SELECT COUNT(*) FROM payment p WHERE NOT EXISTS (SELECT 1 FROM card c WHERE c.payment_id = p.payment_id)) AS lost,
              (SELECT COUNT(*) FROM (SELECT payment_id FROM card GROUP BY payment_id HAVING COUNT(*) > 1) d) AS doubled`,
    );
    const troubles = [...this.troubles].map(([what, count]) => `${count} ${what}`).join(', ') || 'none';
    return `payments ${counts.payments}, cards ${counts.cards}, lost ${counts.lost}, doubled ${counts.doubled}; given back, failed or lost: ${troubles}`;
  }

  private async keepPaying(): Promise<void> {
    while (!this.stopped) {
      if (this.holding || this.paidAt.size >= BACKLOG) {
        await pause(1);
        continue;
      }
      const paymentId = `P-${++this.paid}`;
      this.paidAt.set(paymentId, performance.now());
      try {
        await pay(this.shop, paymentId);
        // Its card may be there already.
        if (this.paidAt.has(paymentId)) this.paidAt.set(paymentId, performance.now());
      } catch (error) {
        this.paidAt.delete(paymentId);
        this.note(`publish: ${String(error).slice(0, 100)}`);
      }
    }
  }

  private async settled(): Promise<void> {
    while (this.paidAt.size > 0 && !this.troubles.has('dead-lettered')) await pause(5);
  }

  private note(what: string): void {
    this.troubles.set(what, (this.troubles.get(what) ?? 0) + 1);
  }
}
