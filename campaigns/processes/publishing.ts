import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { OutboxPublisher } from '../../src/index.js';
import type { Seeded } from '../seeded.js';
import type { Line } from './history.js';
import { outcomeOf } from './outcome-of-publish.js';
import { PaymentSucceeded } from './payment.js';

const LANES = 4;
/** Those that pay under an ordering key of their own, so many at a time before they pause. */
const KEYED_LANES = 2;
const BURST = 4;
/** Longest pause between two payments of a lane, in milliseconds. */
const PAUSE_MS = 250;
/** How many payments are told of twice. */
const TWICE = 0.1;

/** A business that takes payments, and writes down before each what it is about to do, and after it what it was told. */
export class Publishing {
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
    for (let lane = 0; lane < LANES; lane++) {
      this.lanes.push(
        lane < KEYED_LANES ? this.keepPayingInOrder(`${this.name}/${lane}`) : this.keepPaying(),
      );
    }
  }

  async stop(): Promise<void> {
    this.stopped = true;
    await Promise.all(this.lanes);
  }

  private async keepPaying(): Promise<void> {
    while (!this.stopped) {
      if (!this.held) await this.pay(`${this.name}-${++this.payments}`);
      await pause(this.chance.between(0, PAUSE_MS));
    }
  }

  /** Each after the other has been told of, or given up. The checker knows the key by the payment's id. */
  private async keepPayingInOrder(account: string): Promise<void> {
    for (let number = 1; !this.stopped;) {
      for (let i = 0; i < BURST && !this.held && !this.stopped; i++) {
        await this.pay(`${account}-${number++}`, this.withKeys ? account : undefined);
      }
      await pause(this.chance.between(0, BURST * PAUSE_MS));
    }
  }

  private async pay(bizId: string, orderingKey?: string): Promise<void> {
    const copies = this.chance.chance(TWICE) ? 2 : 1;
    this.write({ publish: 'attempted', bizId, copies });
    let committing = false;
    const paying = this.dataSource.transaction(async (manager) => {
      await manager.query('INSERT INTO payment (payment_id, copies) VALUES (?, ?)', [bizId, copies]);
      const messages = Array.from({ length: copies }, (_, copy) => ({ paymentId: bizId, copy }));
      await this.outbox.publishAll(PaymentSucceeded, messages, {
        manager,
        ...(orderingKey !== undefined && { orderingKey }),
      });
      committing = true;
    });
    this.write({ ...(await outcomeOf(paying, () => committing)), bizId });
  }
}
