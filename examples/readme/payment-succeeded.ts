// #region topic
import { defineTopic } from '../../src/index.js';

export interface PaymentDone {
  paymentId: string;
  userId: string;
  amount: number;
}

export const PaymentSucceeded = defineTopic<PaymentDone>({
  name: 'payment.succeeded', // the contract: keep it when code is renamed
  bizId: (payment) => payment.paymentId, // one payment, one effect in each group
});
// #endregion
