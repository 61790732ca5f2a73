import { Inject, Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { type Acked, AtLeastOnceConsumer, AtLeastOnceDelivery, type PayloadOf } from '../../../src/index.js';
import { PaymentSucceeded } from '../contract/payment-succeeded.js';
import { Card } from './card.entity.js';
import { CardPress } from './card-press.js';

/** The wrong tool for the job: see the extra cards with `npm run demo -- --without-dedup`. */
@Injectable()
export class CardIssuingWithoutDedup {
  constructor(
    @InjectDataSource() private readonly dataSource: DataSource,
    @Inject(CardPress) private readonly press: CardPress,
  ) {}

  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(
    { paymentId, userId }: PayloadOf<typeof PaymentSucceeded>,
    delivery: AtLeastOnceDelivery,
  ): Promise<Acked> {
    await this.dataSource.transaction(async (manager) => {
      await manager.insert(Card, { paymentId, userId });
      await this.press.emboss();
    });
    return delivery.ack();
  }
}
