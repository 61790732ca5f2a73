import { Injectable } from '@nestjs/common';
import { Card } from './entities.js';
import { type PaymentDone, PaymentSucceeded } from './payment-succeeded.js';
// #region consume
import { DeliveryContext, IdempotentConsumer } from '../../src/index.js';

@Injectable()
export class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId, userId }: PaymentDone, delivery: DeliveryContext) {
    await delivery.manager.insert(Card, { paymentId, userId });
  }
}
// #endregion
