import type { ConsumeMessage } from 'amqplib';
import { answered } from '../transport/engine/answered.js';
import { type RabbitmqConnection, closeQuietly } from './connection.js';
import type { Names } from './names.js';

/** A queue for what somebody else has sent to a group: nobody here can handle it, and nobody here may throw it away. */
export class ForeignMessages {
  constructor(
    private readonly connection: RabbitmqConnection,
    private readonly names: Names,
    private readonly timeoutMs: number,
  ) {}

  /** @returns the queue that has it, as it came, when it is safe there */
  async take({ content, properties }: ConsumeMessage): Promise<string> {
    const queue = this.names.foreign;
    const channel = await this.connection.confirmChannel();
    try {
      const put = async () => {
        await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
        // It is to stay, whenever its sender wanted it gone.
        const kept = { ...properties, expiration: undefined, persistent: true, mandatory: true };
        channel.sendToQueue(queue, content, kept);
        await channel.waitForConfirms();
      };
      await answered(put(), this.timeoutMs);
      return queue;
    } finally {
      closeQuietly(channel);
    }
  }
}
