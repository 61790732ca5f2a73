import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { OutboxPublisher } from '../../../src/index.js';
import { PaymentSucceeded } from '../contract/payment-succeeded.js';
import { Payment } from './payment.entity.js';

@Injectable()
export class Payments {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(OutboxPublisher) private readonly outbox: OutboxPublisher,
  ) {}

  /** The payment and its message commit together, or neither of them is there. */
  async take(payment: Payment): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(Payment, payment);
      await this.outbox.publish(PaymentSucceeded, payment, { manager });
    });
  }

  /** What a double click or a job that was run twice does: the same biz-id in another message. */
  async announceAgain(payment: Payment): Promise<void> {
    await this.outbox.publish(PaymentSucceeded, payment, { standalone: true });
  }
}
