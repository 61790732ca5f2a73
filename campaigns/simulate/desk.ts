import { setTimeout as pause } from 'node:timers/promises';
import {
  type DeliveryContext,
  IdempotentConsumer,
  type OutboxPublisher,
  RejectMessageError,
} from '../../src/index.js';
import { issueCard } from '../processes/issuing.js';
import { GROUPS } from '../processes/task.js';
import { type Payment, PaymentSucceeded } from '../processes/payment.js';
import { type Charge, Noticed } from './charges.js';
import type { Simulation } from './simulation.js';

export const NOTICES = 'notices';

/** The receiving businesses: a card for each payment, a balance beside it, and news of it from the first of them. */
export class Desk {
  constructor(
    private readonly simulation: Simulation,
    private readonly outbox: OutboxPublisher,
    private readonly timeoutMs: number,
  ) {}

  @IdempotentConsumer(PaymentSucceeded, { group: GROUPS[0] })
  async print(charge: Payment, delivery: DeliveryContext): Promise<void> {
    await this.issue(charge, delivery);
    await this.outbox.publish(Noticed, charge);
  }

  @IdempotentConsumer(PaymentSucceeded, { group: GROUPS[1] })
  add(charge: Payment, delivery: DeliveryContext): Promise<void> {
    return this.issue(charge, delivery);
  }

  @IdempotentConsumer(Noticed, { group: NOTICES })
  note(charge: Payment, delivery: DeliveryContext): Promise<void> {
    return this.issue(charge, delivery);
  }

  private async issue(payment: Payment, delivery: DeliveryContext): Promise<void> {
    const { paymentId, message, account } = payment as Charge;
    const { manager, group } = delivery;
    const { faults, chance } = this.simulation;
    if (faults.hits('message rejected')) throw new RejectMessageError('not today');
    if (faults.hits('handler failed before its effect')) throw new Error('not yet');
    await issueCard(manager, { paymentId, group, name: message, chance });
    if (faults.hits('handler swallowed an error')) {
      await manager.query('INSERT OR ROLLBACK INTO publish SELECT id FROM publish').catch(() => undefined);
    }
    await manager.query(
      `INSERT INTO balance VALUES (?, ?, 1) ON CONFLICT (issued_by, account) DO UPDATE SET cards = cards + 1`,
      [group, account],
    );
    if (faults.hits('handler too slow')) await pause(2 * this.timeoutMs);
    if (faults.hits('handler failed after its effect')) throw new Error('not any more');
  }
}
