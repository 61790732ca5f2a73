import { Inject } from '@nestjs/common';
import { type DeliveryContext, IdempotentConsumer, RejectMessageError } from '../../src/index.js';
import { Seeded } from '../seeded.js';
import type { Ended, Line } from './history.js';
import { issueCard } from './issuing.js';
import { type Payment, PaymentSucceeded } from './payment.js';
import { ATTEMPTS, GROUPS, HISTORY, TASK, type Task } from './task.js';

/** Of the attempts, how many fail; of some payments most, until they are dead letters. */
const FAILS = 0.04;
const PERSISTENT = { share: 0.05, fails: 0.8 };
/** How many become dead letters at once. */
const REJECTS = 0.02;
/** So few that what fails for long becomes a dead letter, and with waits that others would use to overtake. */
const retry = { attempts: ATTEMPTS, delayMs: 200, maxDelayMs: 1_000 };

/** Handlers that fail when it is too late, and say when they begin and when they end. */
export class TroubledIssuing {
  private attempts = 0;
  private readonly chance: Seeded;

  constructor(
    @Inject(TASK) private readonly task: Task,
    @Inject(HISTORY) private readonly write: (line: Line) => void,
  ) {
    this.chance = new Seeded(`${task.seed}/handlers`);
  }

  @IdempotentConsumer(PaymentSucceeded, { group: GROUPS[0], retry })
  print(payment: Payment, delivery: DeliveryContext): Promise<void> {
    return this.attempt(payment, delivery);
  }

  @IdempotentConsumer(PaymentSucceeded, { group: GROUPS[1], retry })
  add(payment: Payment, delivery: DeliveryContext): Promise<void> {
    return this.attempt(payment, delivery);
  }

  private async attempt({ paymentId }: Payment, { manager, group, signal }: DeliveryContext): Promise<void> {
    const attempt = `${this.task.name}#${++this.attempts}`;
    this.write({ attempt, handles: paymentId, group });
    let ended: Ended = 'broken';
    try {
      await issueCard(manager, { paymentId, group, name: this.task.name, chance: this.chance });
      ended = this.endOf(paymentId);
    } finally {
      this.write({ attempt, ended, aborted: signal.aborted });
    }
    if (ended === 'rejected') throw new RejectMessageError('by chance');
    if (ended === 'failed') throw new Error('by chance');
  }

  private endOf(paymentId: string): Ended {
    const isPersistent = new Seeded(paymentId).chance(PERSISTENT.share);
    if (this.chance.chance(REJECTS)) return 'rejected';
    return this.chance.chance(isPersistent ? PERSISTENT.fails : FAILS) ? 'failed' : 'done';
  }
}
