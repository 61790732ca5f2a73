import { Controller, Inject } from '@nestjs/common';
import { Ctx, EventPattern, Payload, RmqContext } from '@nestjs/microservices';
import type { Channel, Message } from 'amqplib';
import { IdempotentExecutor } from '../../src/index.js';
import { Card } from './card.entity.js';
import { PAYMENT_SUCCEEDED, type PaymentSucceeded } from './payment-succeeded.js';

// #region event-pattern
@Controller()
export class CardsController {
  constructor(@Inject(IdempotentExecutor) private readonly executor: IdempotentExecutor) {}

  /** RabbitMQ hands a message out again when its ACK has not come, and a sender sends again when its confirm has not. */
  @EventPattern<string>(PAYMENT_SUCCEEDED)
  async issue(@Payload() { paymentId }: PaymentSucceeded, @Ctx() context: RmqContext): Promise<void> {
    const channel = context.getChannelRef() as Channel;
    const message = context.getMessage() as Message;
    try {
      // The card and the note that this payment has one: one commit, or nothing.
      await this.executor.run({ scenario: 'card-issuing', bizId: paymentId }, async (manager) => {
        await manager.insert(Card, { paymentId });
      });
    } catch (error) {
      // Handed out again, as often as the queue's delivery limit allows; then it is a dead letter of RabbitMQ's.
      channel.nack(message, false, true);
      throw error;
    }
    // Only now: an ACK before the COMMIT would lose the card of a process that dies in between.
    channel.ack(message);
  }
}
// #endregion
