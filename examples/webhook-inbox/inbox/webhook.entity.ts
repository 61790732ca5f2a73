import { Column, Entity, PrimaryGeneratedColumn } from 'typeorm';

/** Nothing is unique about a delivery here: the database would store each repeat as well. */
@Entity('webhook')
export class Webhook {
  @PrimaryGeneratedColumn({ type: 'int' })
  id!: number;

  @Column({ name: 'delivery_id', type: 'varchar', length: 40 })
  deliveryId!: string;

  @Column({ type: 'varchar', length: 60 })
  event!: string;

  @Column({ type: 'text' })
  payload!: string;
}
