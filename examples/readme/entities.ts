import { Column, Entity, PrimaryColumn, PrimaryGeneratedColumn } from 'typeorm';

@Entity('payment')
export class Payment {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id!: string;

  @Column({ type: 'varchar', length: 64 })
  userId!: string;

  @Column({ type: 'int' })
  amount!: number;
}

/** No unique key on the payment: nothing but the library keeps a second card away. */
@Entity('card')
export class Card {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'varchar', length: 64 })
  paymentId!: string;

  @Column({ type: 'varchar', length: 64 })
  userId!: string;
}

@Entity('push')
export class Push {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'varchar', length: 64 })
  deliveryId!: string;
}

@Entity('points')
export class Points {
  @PrimaryGeneratedColumn()
  id!: number;

  @Column({ type: 'varchar', length: 64 })
  userId!: string;

  @Column({ type: 'int' })
  points!: number;
}

@Entity('account')
export class Account {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id!: string;

  @Column({ type: 'varchar', length: 64 })
  status!: string;
}

/** The same account as another system shows it. */
@Entity('account_view')
export class AccountView {
  @PrimaryColumn({ type: 'varchar', length: 64 })
  id!: string;

  @Column({ type: 'varchar', length: 64 })
  status!: string;
}
