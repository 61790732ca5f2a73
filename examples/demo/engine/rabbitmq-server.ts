import { type Channel, connect } from 'amqplib';
import { createRabbitmq } from '../../../test/support/rabbitmq.js';
import { PaymentSucceeded } from '../contract/payment-succeeded.js';
import type { EngineServer } from './engine-server.js';

/** The end of a frame's head, and `basic.ack`: it has the same bytes both ways. */
const BASIC_ACK = Buffer.from('0000000d003c0050', 'hex');

const NOT_FOUND = 404;

export class RabbitmqServer implements EngineServer {
  readonly absorbsResends = false;
  readonly campaign = 'campaign:rabbitmq';
  readonly prefix: string;

  private constructor(
    readonly name: string,
    private readonly url: string,
    private readonly own = createRabbitmq(url),
  ) {
    this.prefix = own.prefix;
  }

  static async open(url: string): Promise<RabbitmqServer> {
    const connection = await connect(url, { timeout: 5_000 });
    const { version } = connection.connection.serverProperties;
    await connection.close();
    return new RabbitmqServer(`RabbitMQ ${version}`, url);
  }

  hasAck3(bytes: Buffer): boolean {
    return bytes.includes(BASIC_ACK);
  }

  hasAck5(bytes: Buffer): boolean {
    return bytes.includes(BASIC_ACK);
  }

  async left(): Promise<number> {
    let left = 0;
    for (const queue of await this.own.queues()) left += await this.leftIn(queue);
    return left;
  }

  async remove(): Promise<void> {
    await this.own.drop();
    const exchange = `${this.prefix}.topic.${PaymentSucceeded.name}`;
    await this.onChannel(async (channel) => {
      for (const name of [exchange, `${exchange}.keyed`]) await channel.deleteExchange(name);
    });
  }

  /** Of two workers that made a queue at the same time, one has taken its own away again. */
  private async leftIn(queue: string): Promise<number> {
    try {
      return await this.onChannel(async (channel) => (await channel.checkQueue(queue)).messageCount);
    } catch (error) {
      if ((error as { code?: unknown }).code === NOT_FOUND) return 0;
      throw error;
    }
  }

  private async onChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    const connection = await connect(this.url);
    try {
      const channel = await connection.createChannel();
      // Whoever asked hears of it as well; unheard here, it would end the process.
      channel.on('error', () => undefined);
      return await work(channel);
    } finally {
      await connection.close();
    }
  }
}
