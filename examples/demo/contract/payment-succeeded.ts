import { defineTopic } from '../../../src/index.js';

/** What the payment system and the card system agree on. A payment's id is the biz-id: one card for each. */
export const PaymentSucceeded = defineTopic<{ paymentId: string; userId: string; amount: number }>({
  name: 'payment.succeeded',
  bizId: (payment) => payment.paymentId,
});
