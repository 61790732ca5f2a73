import type { Type } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, defineTopic } from '../../../src/index.js';
import { INSERT_CARD } from '../business/mysql.js';
import type { ConsumerSide } from '../contestant.js';
import type { Payment } from '../payment.js';

export const PaymentSucceeded = defineTopic<Payment>({
  name: 'payment.succeeded',
  bizId: ({ paymentId }) => paymentId,
});

const GROUP = 'card-issuing';

/** Makes the provider that issues cards. */
export type HandlerOf = (side: ConsumerSide) => Type;

export const oneByOne: HandlerOf = (side) => {
  class CardIssuing {
    @IdempotentConsumer(PaymentSucceeded, { group: GROUP })
    async issue({ paymentId }: Payment, { manager }: DeliveryContext): Promise<void> {
      await side.begin();
      await manager.query(INSERT_CARD, [paymentId]);
    }
  }
  return CardIssuing;
};
