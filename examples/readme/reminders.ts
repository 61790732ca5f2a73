import { Injectable } from '@nestjs/common';
import { type EntityManager } from 'typeorm';
// #region later
import { OutboxPublisher, defineTopic } from '../../src/index.js';

export const ReminderDue = defineTopic<{ orderId: string }>({
  name: 'reminder.due',
  bizId: ({ orderId }) => orderId,
});

@Injectable()
export class Reminders {
  constructor(private readonly outbox: OutboxPublisher) {}

  /** Not before tomorrow; and a reminder that nobody could send in time is not sent at all. */
  async ordered(orderId: string, manager: EntityManager): Promise<void> {
    const expiresAt = new Date(Date.now() + 48 * 3_600_000);
    await this.outbox.publish(ReminderDue, { orderId }, { manager, delayMs: 24 * 3_600_000, expiresAt });
  }

  async paid(orderId: string, manager: EntityManager): Promise<void> {
    await this.outbox.cancel(ReminderDue, orderId, { manager }); // 0 when it was too late
  }
}
// #endregion
