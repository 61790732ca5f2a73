import { defineTopic } from '../../src/index.js';

export interface Payment {
  paymentId: string;
  /** The same payment may be told of twice: two messages, one biz-id. */
  copy: number;
}

export const PaymentSucceeded = defineTopic<Payment>({
  name: 'payment.succeeded',
  bizId: ({ paymentId }) => paymentId,
});
