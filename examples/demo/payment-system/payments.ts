import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { OutboxPublisher, type PayloadOf } from '../../../src/index.js';
import { PaymentSucceeded } from '../contract/payment-succeeded.js';
import { Payment } from './payment.entity.js';

type Paid = PayloadOf<typeof PaymentSucceeded>;

@Injectable()
export class Payments {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(OutboxPublisher) private readonly outbox: OutboxPublisher,
  ) {}

  /** The payment and its message commit together, or neither of them is there. */
  async take(payment: Paid): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(Payment, { ...payment, announcements: 1 });
      await this.outbox.publish(PaymentSucceeded, payment, { manager });
    });
  }

  /** What a double click or a job that was run twice does: the same biz-id in another message. */
  async announceAgain(payment: Paid): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.increment(Payment, { paymentId: payment.paymentId }, 'announcements', 1);
      await this.outbox.publish(PaymentSucceeded, payment, { manager });
    });
  }

  /** How often each payment was announced by now: by a process that may have died over it. */
  async announcements(): Promise<Map<string, number>> {
    const payments = await this.dataSource.manager.find(Payment);
    return new Map(payments.map(({ paymentId, announcements }) => [paymentId, announcements]));
  }
}
