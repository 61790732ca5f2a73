import { setTimeout as pause } from 'node:timers/promises';
import { AckTimeoutError, BrokerUnreachableError } from '../../errors/index.js';
import { type RequestOf, uuidOf } from '../../wire/index.js';
import type { HttpRequests } from './http-requests.js';

interface Asked {
  subscription: { id: number };
  claimId: Buffer;
}

const RETRY_MS = 100;
const MOST_UNSETTLED = 1_000;
const CLOSING_MS = 1_000;

/**
 * Claims whose answer did not come: asked for once more under the same id, which leases nothing anew. If that fails too,
 * they are given up as soon as the broker answers again, or what they have leased would look as if its holder had died.
 */
export class AskedClaims {
  private unsettled: RequestOf<'give-up-claim'>[] = [];
  private settling: Promise<void> | undefined;

  constructor(private readonly requests: Pick<HttpRequests, 'ask'>) {}

  /** @param isEmpty of an answer that has leased nothing */
  async ask<T>(
    { subscription, claimId }: Asked,
    ask: () => Promise<T>,
    isEmpty: (answer: T) => boolean,
  ): Promise<T> {
    try {
      return await ask();
    } catch (error) {
      if (!isUnclear(error)) throw error;
    }
    await pause(RETRY_MS);
    const request = { subscription: subscription.id, claimId: uuidOf(claimId) };
    const giveUp = () => (this.unsettled = [...this.unsettled, request].slice(-MOST_UNSETTLED));
    try {
      const answer = await ask();
      // The first one may still be on its way, and lease something when it comes.
      if (isEmpty(answer)) giveUp();
      return answer;
    } catch (error) {
      // Also where it was refused now: nobody knows what became of the first.
      giveUp();
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
      await this.requests.ask('give-up-claim', one).catch((error: unknown) => {
        if (isUnclear(error)) this.unsettled.push(one);
      });
    }
  }
}

function isUnclear(error: unknown): boolean {
  return error instanceof AckTimeoutError || error instanceof BrokerUnreachableError;
}
