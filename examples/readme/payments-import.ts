import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { OutboxPublisher } from '../../src/index.js';
import { Payment } from './entities.js';
import { PaymentSucceeded } from './payment-succeeded.js';

@Injectable()
export class PaymentsImport {
  constructor(
    private readonly dataSource: DataSource,
    private readonly outbox: OutboxPublisher,
  ) {}

  async importAll(payments: readonly Payment[]): Promise<void> {
    // #region publish-all
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(Payment, [...payments]);
      const bodies = payments.map(({ id, userId, amount }) => ({ paymentId: id, userId, amount }));
      await this.outbox.publishAll(PaymentSucceeded, bodies, { manager, headers: { source: 'import' } });
    });
    // #endregion
  }
}
