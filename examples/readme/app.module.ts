import { Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { CardIssuing } from './card-issuing.js';
import { Card, Payment } from './entities.js';
import { Payments } from './payments.service.js';
import { SmsGateway } from './sms-gateway.js';
import { PaymentSms } from './sms.js';
// #region module
import { IdempotentMqModule } from '../../src/index.js';

@Module({
  imports: [
    TypeOrmModule.forRoot({
      type: 'mysql', // or 'mariadb'; or 'better-sqlite3' with database: 'shop.sqlite'
      url: process.env.DATABASE_URL,
      entities: [Payment, Card],
      synchronize: true, // your own tables, for development
    }),
    IdempotentMqModule.forRoot({ schema: 'ensure' }), // the library's tables, for development
  ],
  providers: [Payments, CardIssuing, PaymentSms, SmsGateway],
})
export class AppModule {}
// #endregion
