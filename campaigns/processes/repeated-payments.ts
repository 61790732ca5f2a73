import type { DataSource } from 'typeorm';
import type { OutboxPublisher } from '../../src/index.js';
import type { Seeded } from '../seeded.js';
import { ask } from './ask.js';
import type { Line } from './history.js';
import { outcomeOf } from './outcome-of-publish.js';
import { PaymentSucceeded } from './payment.js';
import type { Telling } from './task.js';

/** Messages of one transaction. */
const MOST = 4;

/**
 * Somebody who hears of each payment as often as a webhook that is sent again and again, in several transactions at once,
 * while other publishers hear of the same. Each transaction is a telling with a name of its own, and what the payment's
 * row says is who told: publishers don't wait for each other.
 */
export class RepeatedPayments {
  private readonly underWay = new Set<Promise<void>>();
  /** Nobody pays until consumers have caught up. */
  held = false;
  private tellings = 0;

  constructor(
    private readonly name: string,
    private readonly dataSource: DataSource,
    private readonly outbox: OutboxPublisher,
    private readonly write: (line: Line) => void,
    private readonly chance: Seeded,
  ) {}

  tellOf({ payment, copies }: Telling): void {
    if (this.held) return;
    for (let left = copies; left > 0;) {
      const together = Math.min(left, Math.ceil(this.chance.between(0, MOST)));
      left -= together;
      const telling = this.tell(payment, together);
      this.underWay.add(telling);
      void telling.finally(() => this.underWay.delete(telling));
    }
  }

  async stop(): Promise<void> {
    this.held = true;
    await Promise.all(this.underWay);
  }

  private async tell(paymentId: string, copies: number): Promise<void> {
    const bizId = `${paymentId}@${this.name}-${++this.tellings}`;
    this.write({ publish: 'attempted', bizId, copies });
    let committing = false;
    const paying = this.dataSource.transaction(async (manager) => {
      await ask(manager, 'INSERT INTO payment (payment_id, copies) VALUES (?, ?)', [bizId, copies]);
      const messages = Array.from({ length: copies }, (_, copy) => ({ paymentId, telling: bizId, copy }));
      await this.outbox.publishAll(PaymentSucceeded, messages, { manager });
      committing = true;
    });
    this.write({ ...(await outcomeOf(paying, () => committing)), bizId });
  }
}
