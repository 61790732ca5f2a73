/** What the payment system sends, by whatever it sends with. */
export interface PaymentSucceeded {
  paymentId: string;
  userId: string;
}

export const PAYMENT_SUCCEEDED = 'payment.succeeded';
