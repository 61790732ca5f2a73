import { Injectable, Module } from '@nestjs/common';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import { deliveryAware } from './delivery-aware.js';
import { Payment } from './entities.js';
import { PaymentSucceeded } from './payment-succeeded.js';
// #region nestjs-cls
import { ClsPluginTransactional, TransactionHost, Transactional } from '@nestjs-cls/transactional';
import { TransactionalAdapterTypeOrm } from '@nestjs-cls/transactional-adapter-typeorm';
import { ClsModule } from 'nestjs-cls';
import { IdempotentMqModule, OutboxPublisher } from '../../src/index.js';

@Injectable()
export class Payments {
  constructor(
    private readonly host: TransactionHost<TransactionalAdapterTypeOrm>,
    private readonly outbox: OutboxPublisher,
  ) {}

  @Transactional()
  async charge(id: string, userId: string, amount: number): Promise<void> {
    await this.host.tx.insert(Payment, { id, userId, amount });
    await this.outbox.publish(PaymentSucceeded, { paymentId: id, userId, amount }); // joins it
  }
}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'mysql', url: process.env.DATABASE_URL, entities: [Payment] }),
    ClsModule.forRoot({
      plugins: [
        new ClsPluginTransactional({
          adapter: deliveryAware(new TransactionalAdapterTypeOrm({ dataSourceToken: getDataSourceToken() })),
        }),
      ],
    }),
    IdempotentMqModule.forRootAsync({
      inject: [TransactionHost],
      useFactory: (host: TransactionHost<TransactionalAdapterTypeOrm>) => ({
        schema: 'ensure',
        currentManager: () => host.tx,
      }),
    }),
  ],
  providers: [Payments],
})
export class ShopModule {}
// #endregion
