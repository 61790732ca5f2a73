import { createHash } from 'node:crypto';
import { Injectable, Module, type Provider, type Type } from '@nestjs/common';
import { ModuleRef } from '@nestjs/core';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import { Card, Payment } from '../readme/entities.js';
import { PaymentSucceeded } from '../readme/payment-succeeded.js';
// #region shards
import {
  DeliveryContext,
  IdempotentConsumer,
  IdempotentMqModule,
  type OutboxPublisher,
  type PayloadOf,
  getOutboxPublisherToken,
} from '../../src/index.js';

/** Databases of one shape, each with a part of the users: their payments, messages, dedup rows and cards. */
export const SHARDS = ['shard_a', 'shard_b'] as const;

/** All of a user's payments are in one shard, so a repeat of one meets its dedup row. */
export function shardOf(userId: string): (typeof SHARDS)[number] {
  const number = createHash('sha256').update(userId).digest().readUInt32BE();
  return SHARDS[number % SHARDS.length]!;
}

@Injectable()
export class Payments {
  constructor(private readonly modules: ModuleRef) {}

  async charge(id: string, userId: string, amount: number): Promise<void> {
    const shard = shardOf(userId);
    const dataSource = this.modules.get<DataSource>(getDataSourceToken(shard), { strict: false });
    const outbox = this.modules.get<OutboxPublisher>(getOutboxPublisherToken(shard), { strict: false });
    await dataSource.transaction(async (manager) => {
      await manager.insert(Payment, { id, userId, amount });
      await outbox.publish(PaymentSucceeded, { paymentId: id, userId, amount }, { manager });
    });
  }
}

/** The same handler on each shard: a decorator says which instance it is of, so each has a class. */
function cardIssuingOn(instance: string): Type {
  @Injectable()
  class CardIssuing {
    @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', instance })
    async issue({ paymentId, userId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
      await delivery.manager.insert(Card, { paymentId, userId });
    }
  }
  return CardIssuing;
}

const cardIssuing: Provider[] = SHARDS.map((shard) => {
  const handler = cardIssuingOn(shard);
  return { provide: `CardIssuing on ${shard}`, useClass: handler };
});

@Module({
  imports: SHARDS.flatMap((shard) => [
    TypeOrmModule.forRoot({
      type: 'mysql',
      url: process.env[`${shard.toUpperCase()}_DATABASE_URL`],
      name: shard,
      entities: [Payment, Card],
    }),
    IdempotentMqModule.forRoot({ name: shard, dataSource: shard, schema: 'ensure' }),
  ]),
  providers: [Payments, ...cardIssuing],
})
export class ShardedShop {}
// #endregion
