import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CardIssuing } from './card-issuing.js';
import { Card, Payment } from './entities.js';
import { Payments } from './payments.service.js';
import { IdempotentMqModule, type IdempotentMqOptions } from '../../src/index.js';

// #region broker-by-url
const mq = (): IdempotentMqOptions => ({
  schema: 'ensure',
  broker: { url: process.env.BROKER_URL!, token: process.env.BROKER_TOKEN! },
});

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'mysql', url: process.env.PAYMENTS_DATABASE_URL, entities: [Payment] }),
    IdempotentMqModule.forRootAsync({ useFactory: mq }),
  ],
  providers: [Payments],
})
export class PaymentApp {}

@Module({
  imports: [
    TypeOrmModule.forRoot({ type: 'mysql', url: process.env.CARDS_DATABASE_URL, entities: [Card] }),
    IdempotentMqModule.forRootAsync({ useFactory: mq }),
  ],
  providers: [CardIssuing],
})
export class CardApp {}
// #endregion
