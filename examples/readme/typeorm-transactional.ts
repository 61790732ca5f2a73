import { Injectable, Module } from '@nestjs/common';
import { InjectRepository, TypeOrmModule } from '@nestjs/typeorm';
import { DataSource, type DataSourceOptions, Repository } from 'typeorm';
import { Payment } from './entities.js';
import { PaymentSucceeded } from './payment-succeeded.js';
// #region typeorm-transactional
import {
  StorageDriver,
  Transactional,
  addTransactionalDataSource,
  initializeTransactionalContext,
} from 'typeorm-transactional';
import { IdempotentMqModule, OutboxPublisher } from '../../src/index.js';

initializeTransactionalContext({ storageDriver: StorageDriver.ASYNC_LOCAL_STORAGE });

@Injectable()
export class Payments {
  constructor(
    @InjectRepository(Payment) private readonly payments: Repository<Payment>,
    private readonly outbox: OutboxPublisher,
  ) {}

  @Transactional()
  async charge(id: string, userId: string, amount: number): Promise<void> {
    await this.payments.insert({ id, userId, amount });
    await this.outbox.publish(PaymentSucceeded, { paymentId: id, userId, amount }); // joins it
  }
}

export const dataSourceFactory = async (options?: DataSourceOptions) =>
  addTransactionalDataSource(new DataSource(options!));

@Module({
  imports: [
    TypeOrmModule.forRootAsync({
      useFactory: () => ({ type: 'mysql', url: process.env.DATABASE_URL, entities: [Payment] }),
      dataSourceFactory,
    }),
    TypeOrmModule.forFeature([Payment]),
    IdempotentMqModule.forRootAsync({
      inject: [DataSource],
      useFactory: (dataSource: DataSource) => ({
        schema: 'ensure',
        currentManager: () => dataSource.manager, // within @Transactional(), that of its transaction
      }),
    }),
  ],
  providers: [Payments],
})
export class ShopModule {}
// #endregion
