import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** Nothing is unique about a payment here: the database would store a second card as well. */
@Entity('card')
export class Card {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;

  @Column({ name: 'payment_id', type: 'varchar', length: 64 })
  paymentId!: string;
}
