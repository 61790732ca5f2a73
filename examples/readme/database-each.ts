import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { type DataSourceOptions } from 'typeorm';
import { CardIssuing } from './card-issuing.js';
import { Card, Payment } from './entities.js';
import { Payments } from './payments.service.js';
import { IdempotentMqModule } from '../../src/index.js';

// #region database-each
export const broker: DataSourceOptions = { type: 'mysql', url: process.env.BROKER_DATABASE_URL };

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'mysql', url: process.env.PAYMENTS_DATABASE_URL, entities: [Payment] }),
    IdempotentMqModule.forRoot({ schema: 'ensure', broker: { dataSource: broker } }),
  ],
  providers: [Payments],
})
export class PaymentSystem {}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'mysql', url: process.env.CARDS_DATABASE_URL, entities: [Card] }),
    IdempotentMqModule.forRoot({ schema: 'ensure', broker: { dataSource: broker } }),
  ],
  providers: [CardIssuing],
})
export class CardSystem {}
// #endregion
