import type { BrokerService } from '../broker/index.js';
import type { LandingWatch } from './landing-watch.js';

type Claim = Parameters<BrokerService['repeatable']['claim']>[0] & {
  subscription: { id: number; topic: string; group: string };
};
type Answer = Awaited<ReturnType<BrokerService['repeatable']['claim']>>;

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
    let answer = await this.broker.repeatable.claim(claim);
    let { after } = claim;
    // Who doesn't wait polls for itself.
    while (waitMs > 0 && !isWorthAnAnswer(answer)) {
      // It also brings back what was set aside and is due, and learns of limits.
      const { claimable, keyed, broughtBack } = await this.broker.poll(subscription, after);
      // What comes back keeps its old number.
      if (broughtBack !== undefined) after = Math.min(after, broughtBack - 1);
      // Nobody would hear of what is leased from here on; what was leased before is for whoever asks again.
      if (signal.aborted) break;
      if (claimable || (keyed && claim.keys)) {
        answer = await this.broker.repeatable.claim({ ...claim, after });
        if (isWorthAnAnswer(answer)) break;
      }
      const left = deadline - performance.now();
      if (left <= 0) break;
      await this.watch.wait(topics, { cursor, ms: Math.min(left, LOOK_MS), signal });
      ({ cursor } = this.watch);
    }
    return answer;
  }
}

function isWorthAnAnswer({ deliveries, suspects }: Answer): boolean {
  return deliveries.length > 0 || suspects.length > 0;
}
