import { EntitySchema } from 'typeorm';

/** The business's rows, as an app under TypeORM has them. */
export class PaymentRow {
  id!: string;
  paymentId!: string;
  amount!: number;
}

export class CardRow {
  id!: string;
  paymentId!: string;
}

const id = { type: 'bigint', unsigned: true, primary: true, generated: 'increment' } as const;
const paymentId = { type: 'varchar', length: 64, name: 'payment_id' } as const;

export const ENTITIES = [
  new EntitySchema<PaymentRow>({
    name: 'PaymentRow',
    target: PaymentRow,
    tableName: 'payment',
    columns: { id, paymentId, amount: { type: 'int' } },
  }),
  new EntitySchema<CardRow>({
    name: 'CardRow',
    target: CardRow,
    tableName: 'card',
    columns: { id, paymentId },
  }),
];
