import { AssertionError } from 'node:assert';
import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { ClaimedDelivery, Subscription, Transport } from '../../transport/port.js';
import type { ContractOptions } from './contract-world.js';

const LOOK_MS = 20;
const FIRST_KEY = Buffer.alloc(0);

/** One group of one process, as its worker would use the transport. */
export class ContractGroup {
  private constructor(
    readonly transport: Transport,
    readonly subscription: Subscription,
    private readonly options: Required<ContractOptions>,
  ) {}

  static async subscribe(
    transport: Transport,
    { topic, group }: { topic: string; group: string },
    options: Required<ContractOptions>,
  ): Promise<ContractGroup> {
    const { id } = await transport.subscribe({ topic, group, version: 1, concurrency: 20 });
    return new ContractGroup(transport, { id, topic, group }, options);
  }

  /** @throws AssertionError when fewer come */
  async take(count: number): Promise<ClaimedDelivery[]> {
    const taken = await this.claimUntil((sofar) => sofar.length >= count, this.options.patienceMs);
    if (taken.length === count) return taken;
    throw broken(
      `group ${this.subscription.group} was to be given ${count} deliveries, and was given ${taken.length}: ${named(taken)}`,
    );
  }

  /**
   * @param pastLeases also for as long as it takes until what somebody held is handed out again
   * @throws AssertionError when something comes
   */
  async takeNothing(why: string, { pastLeases = false } = {}): Promise<void> {
    const { settleMs, leaseMs } = this.options;
    const withinMs = settleMs + (pastLeases ? leaseMs : 0);
    const taken = await this.claimUntil((sofar) => sofar.length > 0, withinMs);
    if (taken.length > 0)
      throw broken(`${why}, and group ${this.subscription.group} was given ${named(taken)}`);
  }

  /** Claims what there is, and acknowledges it. */
  async handle(): Promise<ClaimedDelivery[]> {
    const claimed = await this.claim();
    for (const delivery of claimed) await this.acknowledge(delivery);
    return claimed;
  }

  async acknowledge(delivery: ClaimedDelivery): Promise<void> {
    if (await this.transport.acknowledge(delivery)) return;
    throw broken(`an ACK of ${delivery.bizId.toString()} was not taken, though its holder had not lost it`);
  }

  private async claimUntil(
    isEnough: (taken: readonly ClaimedDelivery[]) => boolean,
    withinMs: number,
  ): Promise<ClaimedDelivery[]> {
    const taken: ClaimedDelivery[] = [];
    const deadline = performance.now() + withinMs;
    do {
      taken.push(...(await this.claim()));
      if (isEnough(taken)) break;
      await pause(LOOK_MS);
    } while (performance.now() < deadline);
    return taken;
  }

  private async claim(): Promise<ClaimedDelivery[]> {
    const { transport, subscription } = this;
    const { leaseMs } = this.options;
    await transport.poll(subscription, 0);
    const { deliveries, suspects } = await transport.claim({
      subscription,
      claimId: randomBytes(16),
      after: 0,
      limit: 100,
      leaseMs,
      keys: { after: FIRST_KEY, until: FIRST_KEY, first: true },
    });
    const alone: ClaimedDelivery[] = [];
    for (const suspect of suspects) {
      const claimId = randomBytes(16);
      const claimed = await transport.claimAlone({ subscription, claimId, ...suspect, leaseMs });
      if (claimed) alone.push(claimed);
    }
    return [...deliveries, ...alone];
  }
}

/**
 * What comes to these together, each handled by who was given it.
 *
 * @returns as many as came in time
 */
export async function handledBetween(
  groups: readonly ContractGroup[],
  count: number,
  patienceMs: number,
): Promise<ClaimedDelivery[]> {
  const handled: ClaimedDelivery[] = [];
  const deadline = performance.now() + patienceMs;
  for (;;) {
    for (const group of groups) handled.push(...(await group.handle()));
    if (handled.length >= count || performance.now() >= deadline) return handled;
    await pause(LOOK_MS);
  }
}

export function broken(message: string): AssertionError {
  return new AssertionError({ message: `The transport breaks its contract: ${message}.` });
}

export function named(deliveries: readonly { bizId: Buffer }[]): string {
  return deliveries.map(({ bizId }) => bizId.toString()).join(', ') || 'nothing';
}
