import { setTimeout as pause } from 'node:timers/promises';
import { AckTimeoutError, BrokerUnreachableError } from '../../errors/index.js';
import { type RequestOf, uuidOf } from '../../wire/index.js';
import type { HttpRequests } from './http-requests.js';

interface Asked {
  subscription: { id: number };
  claimId: Buffer;
  leaseMs: number;
}

interface Unsettled {
  request: RequestOf<'give-up-claim'>;
  /** By performance.now(): then its leases have run out. */
  until: number;
}

const RETRY_MS = 100;
const MOST_UNSETTLED = 1_000;
const CLOSING_MS = 1_000;

/**
 * Claims whose answer did not come: asked for once more under the same id, which leases nothing anew. If that fails too,
 * they are given up as soon as the broker answers again, or what they have leased would look as if its holder had died.
 */
export class AskedClaims {
  private unsettled: Unsettled[] = [];
  private settling: Promise<void> | undefined;

  constructor(private readonly requests: Pick<HttpRequests, 'ask'>) {}

  async ask<T>({ subscription, claimId, leaseMs }: Asked, ask: () => Promise<T>): Promise<T> {
    const until = performance.now() + leaseMs;
    try {
      return await ask();
    } catch (error) {
      if (!isUnclear(error)) throw error;
    }
    await pause(RETRY_MS);
    try {
      return await ask();
    } catch (error) {
      // Also where it was refused now: nobody knows what became of the first.
      const request = { subscription: subscription.id, claimId: uuidOf(claimId) };
      this.unsettled = [...this.unsettled, { request, until }].slice(-MOST_UNSETTLED);
      throw error;
    }
  }

  /** Whenever the broker has answered something. */
  brokerAnswers(): void {
    if (this.unsettled.length === 0) return;
    this.settling ??= this.settle().finally(() => (this.settling = undefined));
  }

  /** Once more, and no longer than a moment. */
  async close(): Promise<void> {
    this.brokerAnswers();
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSING_MS)));
    await Promise.race([this.settling, enough]);
    clearTimeout(timer);
  }

  private async settle(): Promise<void> {
    const those = this.unsettled;
    this.unsettled = [];
    for (const one of those) {
      if (performance.now() >= one.until) continue;
      await this.requests.ask('give-up-claim', one.request).catch((error: unknown) => {
        if (isUnclear(error)) this.unsettled.push(one);
      });
    }
  }
}

function isUnclear(error: unknown): boolean {
  return error instanceof AckTimeoutError || error instanceof BrokerUnreachableError;
}
