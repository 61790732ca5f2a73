import { Injectable } from '@nestjs/common';
import { Card } from './entities.js';
import { type PaymentDone, PaymentSucceeded } from './payment-succeeded.js';
import { CardPrinter } from './card-printer.js';
import { DeliveryContext, IdempotentConsumer, RejectMessageError, RetryLaterError } from '../../src/index.js';

@Injectable()
export class GoldCards {
  constructor(private readonly printer: CardPrinter) {}

  // #region outcomes
  @IdempotentConsumer(PaymentSucceeded, { group: 'gold-cards', retry: { attempts: 5 } })
  async issue({ paymentId, userId, amount }: PaymentDone, delivery: DeliveryContext) {
    if (amount <= 0) throw new RejectMessageError('nothing was paid'); // to the dead letters at once
    if (this.printer.isBusy()) throw new RetryLaterError({ delayMs: 30_000 }); // again later, costs no attempt
    await delivery.manager.insert(Card, { paymentId, userId }); // any other error: rolled back, tried again
  } // returned: the card, the dedup row and the ACK commit together
  // #endregion
}
