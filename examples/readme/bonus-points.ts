import { Injectable } from '@nestjs/common';
import { Points } from './entities.js';
import { type PaymentDone, PaymentSucceeded } from './payment-succeeded.js';
// #region batch
import { BatchContext, IdempotentConsumer } from '../../src/index.js';

@Injectable()
export class BonusPoints {
  /** Up to 200 payments, or what has come 50 ms after the first of them. */
  @IdempotentConsumer(PaymentSucceeded, { group: 'bonus', batch: { max: 200, waitMs: 50 } })
  async credit(payments: PaymentDone[], batch: BatchContext<PaymentDone>) {
    for (const delivery of batch.deliveries) {
      if (delivery.payload.amount <= 0) delivery.reject('nothing was paid'); // the others are credited
    }
    const rows = payments.map(({ userId, amount }) => ({ userId, points: amount }));
    await batch.manager.insert(Points, rows); // commits with all dedup rows and ACKs
  }
}
// #endregion
