import { Inject, Injectable } from '@nestjs/common';
import { type Acked, AtLeastOnceConsumer, AtLeastOnceDelivery, type PayloadOf } from '../../../src/index.js';
import { PaymentSucceeded } from '../contract/payment-succeeded.js';
import { SmsGateway } from './sms-gateway.js';

@Injectable()
export class Texting {
  constructor(@Inject(SmsGateway) private readonly sms: SmsGateway) {}

  /** An SMS can't be rolled back, so no transaction makes it exactly-once. A repeat does no harm, and the name says so. */
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'sms' })
  async text(payment: PayloadOf<typeof PaymentSucceeded>, delivery: AtLeastOnceDelivery): Promise<Acked> {
    await this.sms.send(payment.userId, `Payment ${payment.paymentId}: your card is on its way.`);
    return delivery.ack();
  }
}
