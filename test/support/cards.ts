import { EntitySchema } from 'typeorm';
import { defineTopic } from '../../src/index.js';

/** The business of most tests: a payment, and the card that it pays for. */
export interface Payment {
  paymentId: string;
  userId: string;
  amount: number;
}

export const PaymentSucceeded = defineTopic<Payment>({
  name: 'payment.succeeded',
  bizId: (payment) => payment.paymentId,
});

export class PaymentRow {
  paymentId!: string;
  amount!: number;
}

/** No unique key on the payment, so that a second card would show. */
export class CardRow {
  id!: number;
  paymentId!: string;
  issuedBy!: string;
}

export const PaymentTable = new EntitySchema<PaymentRow>({
  target: PaymentRow,
  name: 'PaymentRow',
  tableName: 'payment',
  columns: {
    paymentId: { type: 'varchar', length: 200, primary: true },
    amount: { type: 'int' },
  },
});

export const CardTable = new EntitySchema<CardRow>({
  target: CardRow,
  name: 'CardRow',
  tableName: 'card',
  columns: {
    id: { type: 'int', primary: true, generated: 'increment' },
    paymentId: { type: 'varchar', length: 200 },
    issuedBy: { type: 'varchar', length: 200 },
  },
});

export const payment = (paymentId: string): Payment => ({ paymentId, userId: 'u1', amount: 100 });
