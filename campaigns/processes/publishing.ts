import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { OutboxPublisher } from '../../src/index.js';
import type { Seeded } from '../seeded.js';
import { ask } from './ask.js';
import type { Line } from './history.js';
import { outcomeOf } from './outcome-of-publish.js';
import { PaymentSucceeded } from './payment.js';

/** How fast a business is. */
interface Pace {
  lanes: number;
  /** Those that pay under ordering keys of their own, in turn, with `burst` transactions before they pause. */
  keyedLanes: number;
  keys: number;
  burst: number;
  /** Longest pause between two transactions of a lane, in milliseconds. */
  pauseMs: number;
  /** Most payments of a transaction. */
  together: number;
}

/** How many payments are told of twice. */
const TWICE = 0.1;

/** A business that takes payments, and writes down before each what it is about to do, and after it what it was told. */
export class Publishing {
  protected readonly pace: Pace = { lanes: 4, keyedLanes: 2, keys: 1, burst: 4, pauseMs: 250, together: 1 };
  private readonly lanes: Promise<void>[] = [];
  private stopped = false;
  /** Nobody pays until consumers have caught up. */
  held = false;
  private payments = 0;

  constructor(
    private readonly name: string,
    private readonly dataSource: DataSource,
    private readonly outbox: OutboxPublisher,
    private readonly write: (line: Line) => void,
    private readonly chance: Seeded,
    private readonly withKeys = true,
  ) {}

  start(): void {
    for (let lane = 0; lane < this.pace.lanes; lane++) {
      this.lanes.push(lane < this.pace.keyedLanes ? this.keepPayingInOrder(lane) : this.keepPaying());
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.lanes);
  }

  private async keepPaying(): Promise<void> {
    while (!this.stopped) {
      if (!this.held) await this.pay(this.some(() => `${this.name}-${++this.payments}`));
      await pause(this.chance.between(0, this.pace.pauseMs));
    }
  }

  /** Each after the other has been told of, or given up. The checker knows the key by the payment's id. */
  private async keepPayingInOrder(lane: number): Promise<void> {
    const { burst, pauseMs, keys } = this.pace;
    const accounts = Array.from({ length: keys }, (_, key) => `${this.name}/${lane * keys + key}`);
    const numbers = new Map(accounts.map((account) => [account, 0]));
    const next = (account: string) => {
      const number = numbers.get(account)! + 1;
      numbers.set(account, number);
      return `${account}-${number}`;
    };
    for (let turn = 0; !this.stopped; turn++) {
      const account = accounts[turn % keys]!;
      for (let i = 0; i < burst && !this.held && !this.stopped; i++) {
        await this.pay(
          this.some(() => next(account)),
          this.withKeys ? account : undefined,
        );
      }
      await pause(this.chance.between(0, burst * pauseMs));
    }
  }

  /** The payments of a transaction. */
  private some(next: () => string): string[] {
    const { together } = this.pace;
    const count = together === 1 ? 1 : Math.ceil(this.chance.between(0, together));
    return Array.from({ length: count }, next);
  }

  private async pay(bizIds: readonly string[], orderingKey?: string): Promise<void> {
    const payments = bizIds.map((bizId) => ({ bizId, copies: this.chance.chance(TWICE) ? 2 : 1 }));
    for (const payment of payments) this.write({ publish: 'attempted', ...payment });
    let committing = false;
    const paying = this.dataSource.transaction(async (manager) => {
      await ask(
        manager,
        `INSERT INTO payment (payment_id, copies) VALUES ${payments.map(() => '(?, ?)').join(', ')}`,
        payments.flatMap(({ bizId, copies }) => [bizId, copies]),
      );
      const messages = payments.flatMap(({ bizId, copies }) =>
        Array.from({ length: copies }, (_, copy) => ({ paymentId: bizId, telling: bizId, copy })),
      );
      await this.outbox.publishAll(PaymentSucceeded, messages, {
        manager,
        ...(orderingKey !== undefined && { orderingKey }),
      });
      committing = true;
    });
    const outcome = await outcomeOf(paying, () => committing);
    for (const bizId of bizIds) this.write({ ...outcome, bizId });
  }
}

/** A business with as much to do as a machine can. */
export class BusyPublishing extends Publishing {
  protected override readonly pace = {
    lanes: 8,
    keyedLanes: 4,
    keys: 10,
    burst: 1,
    pauseMs: 60,
    together: 20,
  };
}
