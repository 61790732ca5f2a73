import { Injectable } from '@nestjs/common';
import {
  DeliveryContext,
  IdempotentConsumer,
  RejectMessageError,
  RetryLaterError,
  defineTopic,
} from '../../../src/index.js';
import { CardRow, type Payment, PaymentSucceeded } from '../../support/cards.js';

/** Nobody consumes it. */
export const PaymentRefunded = defineTopic<Payment>({
  name: 'payment.refunded',
  bizId: ({ paymentId }) => paymentId,
});

/** No test waits for it. */
const AN_HOUR_MS = 3_600_000;

/** Issues cards, and does with each payment what a test has told it. */
@Injectable()
export class Desk {
  /** What its handler throws. */
  readonly fails = new Map<string, string>();
  readonly rejects = new Map<string, string>();
  readonly postpones = new Set<string>();
  /** Its handler goes on when this resolves. */
  readonly holds = new Map<string, Promise<void>>();

  @IdempotentConsumer(PaymentSucceeded, {
    group: 'cards',
    retry: { delayMs: AN_HOUR_MS, maxDelayMs: AN_HOUR_MS },
  })
  async issue({ paymentId }: Payment, { manager, group }: DeliveryContext) {
    await this.holds.get(paymentId);
    const rejected = this.rejects.get(paymentId);
    if (rejected !== undefined) throw new RejectMessageError(rejected);
    const failed = this.fails.get(paymentId);
    if (failed !== undefined) throw new Error(failed);
    if (this.postpones.has(paymentId)) throw new RetryLaterError({ delayMs: AN_HOUR_MS });
    await manager.insert(CardRow, { paymentId, issuedBy: group });
  }
}
