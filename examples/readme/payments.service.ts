import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Payment } from './entities.js';
import { PaymentSucceeded } from './payment-succeeded.js';
// #region publish
import { OutboxPublisher } from '../../src/index.js';

@Injectable()
export class Payments {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: OutboxPublisher,
  ) {}

  async charge(id: string, userId: string, amount: number): Promise<void> {
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(Payment, { id, userId, amount });
      await this.outbox.publish(PaymentSucceeded, { paymentId: id, userId, amount }, { manager });
    });
  }
}
// #endregion
