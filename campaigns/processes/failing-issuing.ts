import { Inject } from '@nestjs/common';
import { type DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import type { Line } from './history.js';
import { issueCard } from './issuing.js';
import { type Payment, PaymentSucceeded } from './payment.js';
import { GROUPS, HISTORY, TASK, type Task } from './task.js';

/** Of the calls: their transactions roll back, and copies that waited for them find no row. */
const FAILS = 0.1;

/** Handlers that fail now and then, when their effect is there. */
export class FailingIssuing {
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

  private async issue({ paymentId }: Payment, { manager, group }: DeliveryContext): Promise<void> {
    await issueCard(manager, { paymentId, group, name: this.task.name });
    if (Math.random() >= FAILS) return;
    this.write({ event: 'handler failed' });
    throw new Error('by chance');
  }
}
