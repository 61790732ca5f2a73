import { Inject, Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../../src/index.js';
import { PaymentSucceeded } from '../contract/payment-succeeded.js';
import { Card } from './card.entity.js';
import { CardPress } from './card-press.js';

@Injectable()
export class CardIssuing {
  constructor(@Inject(CardPress) private readonly press: CardPress) {}

  /** The card and the note that this payment has one are one commit. The ACK is part of it, or follows it. */
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId, userId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await delivery.manager.insert(Card, { paymentId, userId });
    await this.press.emboss();
  }
}
