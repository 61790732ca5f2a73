import type { BrokerService } from '../broker/index.js';
import type { LandingWatch } from './landing-watch.js';

type Claim = Parameters<BrokerService['repeatable']['claim']>[0] & {
  subscription: { id: number; topic: string; group: string };
};
type Answer = Awaited<ReturnType<BrokerService['repeatable']['claim']>>;
type ClaimAlone = Parameters<BrokerService['repeatable']['claimAlone']>[0];

/** How often a claim that waits looks for what has come due, or whose lease has run out; milliseconds. */
const LOOK_MS = 200;

/** Claims that wait until there is something to hand out. */
export class WaitingClaims {
  constructor(
    private readonly broker: Pick<BrokerService, 'poll' | 'repeatable'>,
    private readonly watch: Pick<LandingWatch, 'wait' | 'cursor'>,
  ) {}

  /** Answers as soon as there is something, after `waitMs` at the latest, or when the signal says that nobody waits. */
  async claim(claim: Claim, { waitMs, signal }: { waitMs: number; signal: AbortSignal }): Promise<Answer> {
    const { subscription } = claim;
    const deadline = performance.now() + waitMs;
    const topics = new Set([subscription.topic]);
    // From before the look on, or what lands in between would be missed.
    let { cursor } = this.watch;
    let answer = await this.ask(claim, signal);
    while (!isWorthAnAnswer(answer)) {
      // It also brings back what was set aside and is due, and learns of limits.
      const { claimable, keyed } = await this.broker.poll(subscription, claim.after);
      if (claimable || (keyed && claim.keys)) {
        answer = await this.ask(claim, signal);
        if (isWorthAnAnswer(answer)) break;
      }
      const left = deadline - performance.now();
      if (left <= 0 || signal.aborted) break;
      await this.watch.wait(topics, { cursor, ms: Math.min(left, LOOK_MS), signal });
      ({ cursor } = this.watch);
    }
    return answer;
  }

  async claimAlone(claim: ClaimAlone, signal: AbortSignal) {
    const delivery = await this.broker.repeatable.claimAlone(claim);
    if (delivery && signal.aborted) await this.broker.repeatable.giveUp(claim);
    return delivery;
  }

  private async ask(claim: Claim, signal: AbortSignal): Promise<Answer> {
    const answer = await this.broker.repeatable.claim(claim);
    // Nobody hears of them. Who asks again is told that the claim has nothing, and makes another one.
    if (signal.aborted && answer.deliveries.length > 0) await this.broker.repeatable.giveUp(claim);
    return answer;
  }
}

function isWorthAnAnswer({ deliveries, suspects }: Answer): boolean {
  return deliveries.length > 0 || suspects.length > 0;
}
