import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity('payment')
export class Payment {
  @PrimaryColumn({ name: 'payment_id', type: 'varchar', length: 40 })
  paymentId!: string;

  @Column({ name: 'user_id', type: 'varchar', length: 40 })
  userId!: string;

  @Column({ type: 'int' })
  amount!: number;

  /** How many messages tell of it. */
  @Column({ type: 'int' })
  announcements!: number;
}
