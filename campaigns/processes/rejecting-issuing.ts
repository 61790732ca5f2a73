import { Inject } from '@nestjs/common';
import { type DeliveryContext, IdempotentConsumer, RejectMessageError } from '../../src/index.js';
import type { Line } from './history.js';
import { issueCard } from './issuing.js';
import { type Payment, PaymentSucceeded } from './payment.js';
import { GROUPS, HISTORY, TASK, type Task } from './task.js';

/** How many calls make a dead letter, which an operator requeues. */
const REJECTS = 0.02;

/** Handlers that reject what they may take another time. */
export class RejectingIssuing {
  constructor(
    @Inject(TASK) private readonly task: Task,
    @Inject(HISTORY) private readonly write: (line: Line) => void,
  ) {}

  @IdempotentConsumer(PaymentSucceeded, { group: GROUPS[0] })
  print(payment: Payment, delivery: DeliveryContext): Promise<void> {
    return this.issue(payment, delivery);
  }

  @IdempotentConsumer(PaymentSucceeded, { group: GROUPS[1] })
  add(payment: Payment, delivery: DeliveryContext): Promise<void> {
    return this.issue(payment, delivery);
  }

  private async issue(
    { paymentId }: Payment,
    { manager, group, publishedAt }: DeliveryContext,
  ): Promise<void> {
    await issueCard(manager, { paymentId, group, name: this.task.name, landedAt: publishedAt });
    if (Math.random() >= REJECTS) return;
    this.write({ event: 'handler rejected' });
    throw new RejectMessageError('by chance');
  }
}
