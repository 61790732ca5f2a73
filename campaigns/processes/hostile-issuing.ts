import { Inject } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource, EntityManager } from 'typeorm';
import { type DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import { BEHAVIOURS } from '../conducts/behaviours.js';
import { conductFor } from '../conducts/conduct.js';
import { Seeded } from '../seeded.js';
import type { Line } from './history.js';
import { issueCard } from './issuing.js';
import { type Payment, PaymentSucceeded } from './payment.js';
import { GROUPS, HISTORY, TASK, type Task, engineOfTask } from './task.js';

/** So few that what fails for ever becomes a dead letter soon; and more than a neighbour that blocks can cost. */
export const HOSTILE_RETRY = { attempts: 4, delayMs: 50, maxDelayMs: 200 };

/** Handlers that behave badly with some payments, each time in the same way, and well with the others. */
export class HostileIssuing {
  private readonly chance: Seeded;

  constructor(
    @Inject(TASK) private readonly task: Task,
    @Inject(HISTORY) private readonly write: (line: Line) => void,
    @Inject(getDataSourceToken()) private readonly dataSource: DataSource,
  ) {
    this.chance = new Seeded(`${task.seed}/handlers`);
  }

  @IdempotentConsumer(PaymentSucceeded, { group: GROUPS[0], retry: HOSTILE_RETRY })
  print(payment: Payment, delivery: DeliveryContext): Promise<unknown> {
    return this.issue(payment, delivery);
  }

  @IdempotentConsumer(PaymentSucceeded, { group: GROUPS[1], retry: HOSTILE_RETRY })
  add(payment: Payment, delivery: DeliveryContext): Promise<unknown> {
    return this.issue(payment, delivery);
  }

  private issue({ paymentId }: Payment, { manager, group, attempt }: DeliveryContext): Promise<unknown> {
    const conduct = conductFor(engineOfTask(this.task), group, paymentId);
    const card = { paymentId, group, name: this.task.name, chance: this.chance };
    const issue = (by: EntityManager = manager) => issueCard(by, card);
    if (!conduct) return issue();
    this.write({ event: conduct });
    return BEHAVIOURS[conduct]({ ...card, attempt, manager, outer: this.dataSource, issue });
  }
}
