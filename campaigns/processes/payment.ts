import { defineTopic } from '../../src/index.js';

export interface Payment {
  paymentId: string;
  /** Who published it, by the name that the history has for that: several may tell of one payment. */
  telling: string;
  /** The same payment may be told of twice: two messages, one biz-id. */
  copy: number;
}

export const PaymentSucceeded = defineTopic<Payment>({
  name: 'payment.succeeded',
  bizId: ({ paymentId }) => paymentId,
});
