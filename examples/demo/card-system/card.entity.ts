import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** Nothing is unique about a payment here: the database would let any number of cards in. */
@Entity('card')
export class Card {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;

  @Column({ name: 'payment_id', type: 'varchar', length: 40 })
  paymentId!: string;

  @Column({ name: 'user_id', type: 'varchar', length: 40 })
  userId!: string;
}
