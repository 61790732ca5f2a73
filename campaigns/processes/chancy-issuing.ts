import { Inject } from '@nestjs/common';
import { type DeliveryContext, IdempotentConsumer, RejectMessageError } from '../../src/index.js';
import { Seeded } from '../seeded.js';
import type { CampaignName } from '../variants/variant.js';
import type { Line } from './history.js';
import { issueCard } from './issuing.js';
import { type Payment, PaymentSucceeded } from './payment.js';
import { GROUPS, HISTORY, TASK, type Task } from './task.js';

/** How some of the calls end. */
interface Mishap {
  share: number;
  event: string;
  error: () => Error;
}

const MISHAPS: Partial<Record<CampaignName, Mishap>> = {
  // Their transactions roll back, and copies that waited for them find no row.
  duplicates: { share: 0.1, event: 'handler failed', error: () => new Error('by chance') },
  // A dead letter, which an operator requeues.
  forgetting: { share: 0.02, event: 'handler rejected', error: () => new RejectMessageError('by chance') },
};

/** Handlers that fail now and then, when their effect is there. */
export class ChancyIssuing {
  private readonly chance: Seeded;

  constructor(
    @Inject(TASK) private readonly task: Task,
    @Inject(HISTORY) private readonly write: (line: Line) => void,
  ) {
    this.chance = new Seeded(`${task.seed}/handlers`);
  }

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
    const { campaign, name } = this.task;
    await issueCard(manager, { paymentId, group, name, chance: this.chance, landedAt: publishedAt });
    const mishap = MISHAPS[campaign];
    if (!mishap || !this.chance.chance(mishap.share)) return;
    this.write({ event: mishap.event });
    throw mishap.error();
  }
}
