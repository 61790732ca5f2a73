import { Injectable } from '@nestjs/common';
import { type PaymentDone, PaymentSucceeded } from './payment-succeeded.js';
import { SmsGateway } from './sms-gateway.js';
// #region at-least-once
import { AtLeastOnceConsumer, AtLeastOnceDelivery, type Acked } from '../../src/index.js';

@Injectable()
export class PaymentSms {
  constructor(private readonly gateway: SmsGateway) {}

  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'sms' })
  async text({ userId }: PaymentDone, delivery: AtLeastOnceDelivery): Promise<Acked> {
    await this.gateway.send(userId, 'Thank you.', { signal: delivery.signal });
    return delivery.ack();
  }
}
// #endregion
