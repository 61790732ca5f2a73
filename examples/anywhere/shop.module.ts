import { type DynamicModule, Module } from '@nestjs/common';
import { TypeOrmModule } from '@nestjs/typeorm';
import { IdempotentMqModule } from '../../src/index.js';
import { CardIssuing } from '../demo/card-system/card-issuing.js';
import { CardPress } from '../demo/card-system/card-press.js';
import { Card } from '../demo/card-system/card.entity.js';
import { Payment } from '../demo/payment-system/payment.entity.js';
import { Payments } from '../demo/payment-system/payments.js';
import type { Place } from './place.js';

/** Entities, publisher and handler are the demo's, to the letter: where they run, only the place says. */
@Module({})
export class Shop {
  static at({ database, broker }: Place): DynamicModule {
    return {
      module: Shop,
      imports: [
        TypeOrmModule.forRoot({
          ...database,
          entities: [Payment, Card],
          synchronize: true,
          retryAttempts: 0,
        }),
        IdempotentMqModule.forRoot({ schema: 'ensure', ...(broker && { broker }) }),
      ],
      providers: [Payments, CardIssuing, CardPress],
    };
  }
}
