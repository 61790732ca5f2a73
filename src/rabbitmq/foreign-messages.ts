import type { ConfirmChannel, ConsumeMessage, MessageProperties, Options } from 'amqplib';
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
    this.connection.refuseUnready();
    const channel = await this.connection.confirmChannel();
    let isReturned = false;
    channel.on('return', () => (isReturned = true));
    try {
      const put = async () => {
        await channel.assertQueue(queue, { durable: true, arguments: { 'x-queue-type': 'quorum' } });
        send(channel, queue, { content, properties });
        await channel.waitForConfirms();
      };
      await answered(put(), this.timeoutMs);
      if (isReturned) throw new Error(`the queue ${queue} was deleted just now`);
      return queue;
    } finally {
      closeQuietly(channel);
    }
  }
}

function send(
  channel: ConfirmChannel,
  queue: string,
  { content, properties }: Pick<ConsumeMessage, 'content' | 'properties'>,
): void {
  try {
    channel.sendToQueue(queue, content, toKeep(properties));
  } catch {
    // What the client can read it can't always write: a number that fits into no type of its own, say.
    const headers = { 'mq-foreign-properties': inWords(properties) };
    channel.sendToQueue(queue, content, { persistent: true, mandatory: true, headers });
  }
}

function inWords(properties: MessageProperties): string {
  return JSON.stringify(properties, (_, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value,
  );
}

/** Without what the server would act on: who sent it, when its sender wanted it gone, and where else it was to go. */
function toKeep({ userId: _user, expiration: _until, headers, ...kept }: MessageProperties): Options.Publish {
  const { CC: _cc, BCC: _bcc, ...others } = (headers ?? {}) as Record<string, unknown>;
  return { ...(kept as Options.Publish), headers: others, persistent: true, mandatory: true };
}
