import type { Type } from '@nestjs/common';
import {
  BatchContext,
  DeliveryContext,
  IdempotentConsumer,
  type IdempotentBatchConsumerOptions,
  type IdempotentConsumerOptions,
  defineTopic,
} from '../../../src/index.js';
import { CardRow } from '../business/entities.js';
import { INSERT_CARD, INSERT_CARDS } from '../business/mysql.js';
import type { ConsumerSide } from '../contestant.js';
import type { Payment } from '../payment.js';

export const PaymentSucceeded = defineTopic<Payment>({
  name: 'payment.succeeded',
  bizId: ({ paymentId }) => paymentId,
});

const GROUP = 'card-issuing';

/** Makes the provider that issues cards. */
export type HandlerOf = (side: ConsumerSide) => Type;

/** Called with one message each. */
export function single(settings: Omit<IdempotentConsumerOptions, 'group'>): HandlerOf {
  return (side) => {
    class CardIssuing {
      @IdempotentConsumer(PaymentSucceeded, { group: GROUP, ...settings })
      async issue({ paymentId }: Payment, { manager }: DeliveryContext): Promise<void> {
        await side.begin();
        await manager.query(INSERT_CARD, [paymentId]);
      }
    }
    return CardIssuing;
  };
}

/** The same under TypeORM, as most handlers are written. */
export function withEntities(settings: Omit<IdempotentConsumerOptions, 'group'>): HandlerOf {
  return (side) => {
    class CardIssuing {
      @IdempotentConsumer(PaymentSucceeded, { group: GROUP, ...settings })
      async issue({ paymentId }: Payment, { manager }: DeliveryContext): Promise<void> {
        await side.begin();
        await manager.insert(CardRow, { paymentId });
      }
    }
    return CardIssuing;
  };
}

/** Called with many, and one INSERT for all their cards. */
export function batched(settings: Omit<IdempotentBatchConsumerOptions, 'group'>): HandlerOf {
  return (side) => {
    class CardIssuing {
      @IdempotentConsumer(PaymentSucceeded, { group: GROUP, ...settings })
      async issue(payments: Payment[], { manager }: BatchContext<Payment>): Promise<void> {
        await side.begin();
        await manager.query(INSERT_CARDS, [payments.map(({ paymentId }) => [paymentId])]);
      }
    }
    return CardIssuing;
  };
}
