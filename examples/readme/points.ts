import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { Points } from './entities.js';
import { type PaymentDone, PaymentSucceeded } from './payment-succeeded.js';
import { PointsEarned } from './points-earned.js';
// #region services
import { IdempotentConsumer, OutboxPublisher, ambientManager } from '../../src/index.js';

@Injectable()
export class PointsService {
  constructor(private readonly dataSource: DataSource) {}

  async add(userId: string, points: number): Promise<void> {
    const manager = ambientManager() ?? this.dataSource.manager; // the handler's transaction, if there is one
    await manager.insert(Points, { userId, points });
  }
}

@Injectable()
export class Loyalty {
  constructor(
    private readonly points: PointsService,
    private readonly outbox: OutboxPublisher,
  ) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'loyalty' })
  async earn({ paymentId, userId, amount }: PaymentDone) {
    await this.points.add(userId, amount);
    await this.outbox.publish(PointsEarned, { paymentId, userId }); // joins the handler's transaction
  }
}
// #endregion
