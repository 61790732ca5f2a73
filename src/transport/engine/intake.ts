import { setTimeout as pause } from 'node:timers/promises';
import type { Attempt, ClaimedDelivery, Lease, Subscription } from '../port.js';
import type { AsideMessage, SetAside } from './aside.js';
import { deliveryNumber } from './delivery-number.js';
import { OldestSeen } from './oldest-seen.js';
import type { EngineDelivery, EngineReceiver, MessageEngine } from './port.js';

interface Held {
  readonly delivery: EngineDelivery;
  leaseUntil: number;
}

const FRESH: Attempt = { failures: 0, lostLeases: 0, errors: null };
/** How often leases that nobody renews are looked for, and how soon what could not be set aside is tried again. Milliseconds. */
const LOOK_MS = 1_000;

/** What an engine has handed to this process for one subscription: what waits to be claimed, and what is. */
export class Intake implements EngineReceiver {
  private readonly waiting: EngineDelivery[] = [];
  private readonly held = new Map<string, Held>();
  private readonly numbersHeld = new Set<number>();
  private readonly oldestSeen = new OldestSeen();
  /** One after the other for each key, so that they stay in their order, and for all that have none. */
  private readonly moving = new Map<string, Promise<void>>();
  private readonly onTheirWay = new Set<EngineDelivery>();
  private readonly looking: NodeJS.Timeout;
  private readonly closed = new AbortController();
  private consuming: Promise<() => Promise<void>> | undefined;

  constructor(
    readonly subscription: Subscription,
    private readonly concurrency: number,
    private readonly deps: {
      engine: MessageEngine;
      setAside: SetAside;
      /** Something can be claimed. */
      ring: (keyed: boolean) => void;
      warn: (line: string) => void;
    },
  ) {
    this.looking = setInterval(() => this.lookAfter(), LOOK_MS);
    this.looking.unref();
  }

  /** May be called again. */
  async begin(): Promise<void> {
    this.consuming ??= this.deps.engine.consume(this.subscription, this.concurrency, this);
    await this.consuming.catch((error: unknown) => {
      this.consuming = undefined;
      throw error;
    });
  }

  get hasSome(): boolean {
    return this.waiting.some((delivery) => this.isFree(delivery));
  }

  arrived(delivery: EngineDelivery): void {
    this.oldestSeen.note(delivery.landedAt);
    // Whoever had it before may have died of it: the tables count that, and keep it from its neighbours.
    if (delivery.redelivered || delivery.message.orderingKey) {
      this.moveInTurn(delivery);
    } else {
      this.waiting.push(delivery);
      this.deps.ring(false);
    }
  }

  begun(): void {
    this.oldestSeen.begin();
  }

  lost(): void {
    this.waiting.splice(0);
    this.oldestSeen.end();
  }

  claim(limit: number, { claimId, leaseMs }: { claimId: Buffer; leaseMs: number }): ClaimedDelivery[] {
    const claimed: ClaimedDelivery[] = [];
    const left: EngineDelivery[] = [];
    for (const delivery of this.waiting.splice(0)) {
      if (delivery.isLost) continue;
      if (claimed.length < limit && this.isFree(delivery))
        claimed.push(this.lease(delivery, claimId, leaseMs));
      else left.push(delivery);
    }
    this.waiting.push(...left);
    return claimed;
  }

  /** @returns undefined where the lease was lost */
  find(lease: Lease): EngineDelivery | undefined {
    const held = this.held.get(keyOf(lease));
    return held && !held.delivery.isLost ? held.delivery : undefined;
  }

  release(lease: Lease): void {
    if (this.held.delete(keyOf(lease))) this.numbersHeld.delete(lease.seq);
    if (this.hasSome) this.deps.ring(false);
  }

  /** @returns whether it still was held */
  renew(lease: Lease, leaseMs: number): boolean {
    const held = this.held.get(keyOf(lease));
    if (!held || held.delivery.isLost) return false;
    held.leaseUntil = performance.now() + leaseMs;
    return true;
  }

  /** @returns when the oldest landed that may still come, in microseconds; undefined: nothing is old */
  get oldest(): number | undefined {
    return this.oldestSeen.at;
  }

  /** Whether this process has been given messages for long enough to know what is the oldest. */
  get knowsOldest(): boolean {
    return this.oldestSeen.isSettled;
  }

  async close(): Promise<void> {
    this.closed.abort();
    clearInterval(this.looking);
    await Promise.all(this.moving.values());
    const stop = await this.consuming?.catch(() => undefined);
    await stop?.();
  }

  private lease(delivery: EngineDelivery, claimId: Buffer, leaseMs: number): ClaimedDelivery {
    const { message, landedAt } = delivery;
    const { innerMsgId, bizId, body, headers, expiresAt } = message;
    const seq = deliveryNumber(innerMsgId);
    const now = Date.now();
    const claimed: ClaimedDelivery = {
      subscriptionId: this.subscription.id,
      seq,
      token: claimId,
      innerMsgId,
      bizId,
      body,
      headers,
      landedAt: new Date(landedAt / 1000),
      ageMs: Math.max(0, now - landedAt / 1000),
      expiresInMs: expiresAt === undefined ? undefined : expiresAt / 1000 - now,
      ...FRESH,
    };
    this.held.set(keyOf(claimed), { delivery, leaseUntil: performance.now() + leaseMs });
    this.numbersHeld.add(seq);
    return claimed;
  }

  /** Of two copies of one message, the second one waits until it is known what became of the first. */
  private isFree({ message }: EngineDelivery): boolean {
    return !this.numbersHeld.has(deliveryNumber(message.innerMsgId));
  }

  private moveInTurn(delivery: EngineDelivery): void {
    const lane = delivery.message.orderingKey?.toString('hex') ?? '';
    this.onTheirWay.add(delivery);
    const moving = (this.moving.get(lane) ?? Promise.resolve())
      .then(() => this.moveAside(delivery))
      .then(() => {
        this.onTheirWay.delete(delivery);
        if (this.moving.get(lane) === moving) this.moving.delete(lane);
      });
    this.moving.set(lane, moving);
  }

  private async moveAside(delivery: EngineDelivery): Promise<void> {
    const { message } = delivery;
    while (!delivery.isLost && !this.closed.signal.aborted) {
      try {
        const { subscription } = this;
        await this.deps.setAside(
          { subscription, message: asideMessage(delivery), attempt: FRESH },
          { delayMs: 0 },
        );
        delivery.acknowledge();
        return this.deps.ring(message.orderingKey !== undefined);
      } catch (error) {
        this.deps.warn(
          `A message of ${this.subscription.topic} for ${this.subscription.group} could not be taken into the database, and is tried again: ${String(error)}`,
        );
        await pause(LOOK_MS, undefined, { signal: this.closed.signal }).catch(() => undefined);
      }
    }
  }

  /**
   * What it has is renewed, also what waits for its turn. But what nobody renewed goes back: nobody could say what became of
   * it, as when the database was away for longer than a lease.
   */
  private lookAfter(): void {
    const now = performance.now();
    for (const delivery of [...this.waiting, ...this.onTheirWay]) delivery.renew?.();
    for (const [key, { delivery, leaseUntil }] of this.held) {
      if (leaseUntil > now && !delivery.isLost) {
        delivery.renew?.();
        continue;
      }
      this.held.delete(key);
      this.numbersHeld.delete(deliveryNumber(delivery.message.innerMsgId));
      delivery.requeue();
    }
  }
}

export function asideMessage({ message, landedAt }: EngineDelivery): AsideMessage {
  const { topic: _, ...rest } = message;
  return { ...rest, landedAt };
}

function keyOf({ token, seq }: Lease): string {
  return `${token.toString('hex')} ${seq}`;
}
