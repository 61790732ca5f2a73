import { Column, Entity, PrimaryColumn } from 'typeorm';

@Entity()
export class Entry {
  @PrimaryColumn({ type: 'varchar', length: 100 })
  invoiceId!: string;

  @Column({ type: 'int' })
  cents!: number;

  @Column({ type: 'varchar', length: 3 })
  currency!: string;
}
