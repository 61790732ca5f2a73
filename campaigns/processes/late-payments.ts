import { setTimeout as pause } from 'node:timers/promises';
import type { DataSource } from 'typeorm';
import type { Shape } from '../databases/pair.js';
import type { OutboxPublisher } from '../../src/index.js';
import type { Seeded } from '../seeded.js';
import { ask } from './ask.js';
import type { Line } from './history.js';
import { outcomeOf } from './outcome-of-publish.js';
import { PaymentSucceeded } from './payment.js';
import { SLACK_MS, retentionMs } from './retention.js';

const LANES = 4;
/** Longest pause between two payments of a lane, in milliseconds. */
const PAUSE_MS = 300;
/** Of the payments, how many are told of again, and how often at most: most of it within the retention. */
const AGAIN = 0.7;
const MOST_AGAIN = 3;
const LATEST = 1.2;
/** Of the repeats, how many are delivered later than they are published, by up to so many retentions. */
const DELAYED = 0.3;
const LONGEST_DELAY = 1.5;
/** Of the transactions, how many stay open for longer than the slack. On SQLite nobody else could write meanwhile. */
const LONG = 0.06;
const LONG_MS = { least: 1.5 * SLACK_MS, most: 2.2 * SLACK_MS };

/** Somebody who tells of the same payments again while receivers may be about to forget them. */
export class LatePayments {
  private readonly lanes: Promise<void>[] = [];
  private readonly repeats = new Set<Promise<void>>();
  private readonly stopped = new AbortController();
  /** Nobody pays until consumers have caught up. */
  held = false;
  private payments = 0;
  private tellings = 0;

  constructor(
    private readonly name: string,
    private readonly dataSource: DataSource,
    private readonly outbox: OutboxPublisher,
    private readonly write: (line: Line) => void,
    private readonly chance: Seeded,
    _withKeys: boolean,
    private readonly shape: Shape,
  ) {}

  start(): void {
    for (let lane = 0; lane < LANES; lane++) this.lanes.push(this.keepPaying());
  }

  async stop(): Promise<void> {
    this.stopped.abort();
    await Promise.all(this.lanes);
    await Promise.all(this.repeats);
  }

  private async keepPaying(): Promise<void> {
    while (!this.stopped.signal.aborted) {
      if (!this.held) await this.pay(`${this.name}-${++this.payments}`);
      await this.sleep(this.chance.between(0, PAUSE_MS));
    }
  }

  private async pay(paymentId: string): Promise<void> {
    await this.tell(paymentId);
    if (!this.chance.chance(AGAIN)) return;
    const times = Math.ceil(this.chance.between(0, MOST_AGAIN));
    for (let i = 0; i < times; i++) {
      const repeat = this.repeat(paymentId, this.chance.between(0, LATEST * retentionMs(this.shape)));
      this.repeats.add(repeat);
      void repeat.finally(() => this.repeats.delete(repeat));
    }
  }

  private async repeat(paymentId: string, afterMs: number): Promise<void> {
    await this.sleep(afterMs);
    if (this.stopped.signal.aborted) return;
    const delayMs = Math.round(this.chance.between(1, LONGEST_DELAY * retentionMs(this.shape)));
    await this.tell(paymentId, this.chance.chance(DELAYED) ? delayMs : undefined);
  }

  private async tell(paymentId: string, delayMs?: number): Promise<void> {
    const bizId = `${paymentId}@${this.name}-${++this.tellings}`;
    const isLong = this.dataSource.options.type !== 'better-sqlite3' && this.chance.chance(LONG);
    this.write({ publish: 'attempted', bizId, copies: 1 });
    let committing = false;
    const paying = this.dataSource.transaction(async (manager) => {
      await ask(manager, 'INSERT INTO payment (payment_id, copies) VALUES (?, 1)', [bizId]);
      this.write({ publish: 'began', bizId });
      await this.outbox.publish(
        PaymentSucceeded,
        { paymentId, telling: bizId, copy: 0 },
        { manager, ...(delayMs !== undefined && { delayMs }) },
      );
      if (isLong) {
        this.write({ event: 'long transaction' });
        await pause(this.chance.between(LONG_MS.least, LONG_MS.most));
      }
      committing = true;
    });
    this.write({ ...(await outcomeOf(paying, () => committing)), bizId });
  }

  private sleep(ms: number): Promise<void> {
    return pause(ms, undefined, { signal: this.stopped.signal }).catch(() => undefined);
  }
}
