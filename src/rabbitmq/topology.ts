import type { Channel } from 'amqplib';
import { answered } from '../transport/engine/answered.js';
import type { EngineSubscription } from '../transport/engine/port.js';
import { type RabbitmqConnection, closeQuietly } from './connection.js';
import type { Names } from './names.js';
import { type QueueOf, type Registry, keyOf } from './registry.js';

/**
 * From RabbitMQ 4.0 on a quorum queue throws a message away that was handed out 20 times, unless it is told another number;
 * and only with a number does what comes back keep its place.
 */
const DELIVERY_LIMIT = 2_147_483_647;
const NOT_FOUND = 404;
const RACES = 10;

/** The same code is said of a queue that is there and whose process is down: as after a start. */
function saysThereIsNone(error: unknown): boolean {
  const { code, message } = error as { code?: unknown; message?: unknown };
  return code === NOT_FOUND && /no queue '/.test(String(message));
}

/** Exchanges and queues: one fanout exchange for each topic, one quorum queue for each group of it, and both again for keys. */
export class Topology {
  /** Bound, and perhaps not written down yet. */
  private readonly begun = new Map<string, string>();
  /** Written down as gone, and perhaps not deleted yet. */
  private readonly ended = new Map<string, string>();

  constructor(
    private readonly connection: RabbitmqConnection,
    private readonly registry: Registry,
    private readonly names: Names,
    private readonly timeoutMs: number,
  ) {}

  /** The group's queue, bound: made anew where there is none, or no longer. */
  async ensureQueue({ topic, group }: EngineSubscription, keyed: boolean): Promise<string> {
    const of: QueueOf = { topic, group, keyed };
    for (let tries = 1; tries <= RACES; tries++) {
      await this.registry.catchUp();
      const current = this.registry.queueOf(of);
      if (current !== undefined && (await this.exists(current))) return current;
      // The one that an earlier try has bound, whose answer got lost: else nobody would ever delete that.
      const queue = this.begun.get(keyOf(of)) ?? this.names.newQueue(topic, group, keyed);
      this.begun.set(keyOf(of), queue);
      await this.declare(queue, of);
      const isOurs = await this.registry.replace(of, current, queue);
      this.begun.delete(keyOf(of));
      if (isOurs) return queue;
      // Another process was quicker, and its queue was bound before anything was sent to the group.
      await this.delete(queue);
    }
    throw this.connection.unreachable(
      new Error(`the queue of ${group} for ${topic} is replaced again and again`),
    );
  }

  async removeQueue({ topic, group }: EngineSubscription, keyed: boolean): Promise<void> {
    const of: QueueOf = { topic, group, keyed };
    await this.registry.catchUp();
    const current = this.registry.queueOf(of);
    if (current !== undefined) {
      this.ended.set(keyOf(of), current);
      // Publishers first: they must not wait for a queue that is gone.
      await this.registry.replace(of, current, undefined);
    }
    const ended = this.ended.get(keyOf(of));
    if (ended === undefined) return;
    await this.delete(ended);
    this.ended.delete(keyOf(of));
  }

  async assertExchange(channel: Channel, topic: string, keyed: boolean): Promise<void> {
    await channel.assertExchange(this.names.exchange(topic, keyed), 'fanout', { durable: true });
  }

  exists(queue: string): Promise<boolean> {
    return this.onChannel(async (channel) => {
      try {
        await channel.checkQueue(queue);
        return true;
      } catch (error) {
        if (saysThereIsNone(error)) return false;
        throw error;
      }
    });
  }

  private declare(queue: string, { topic, keyed }: QueueOf): Promise<void> {
    return this.onChannel(async (channel) => {
      await this.assertExchange(channel, topic, keyed);
      await channel.assertQueue(queue, {
        durable: true,
        arguments: {
          'x-queue-type': 'quorum',
          'x-delivery-limit': DELIVERY_LIMIT,
          ...(keyed && { 'x-single-active-consumer': true }),
        },
      });
      await channel.bindQueue(queue, this.names.exchange(topic, keyed), '');
    });
  }

  private delete(queue: string): Promise<unknown> {
    return this.onChannel((channel) => channel.deleteQueue(queue));
  }

  /** One of its own: whatever goes wrong closes it. */
  private async onChannel<T>(work: (channel: Channel) => Promise<T>): Promise<T> {
    const channel = await this.connection.channel();
    try {
      return await answered(work(channel), this.timeoutMs);
    } catch (error) {
      throw this.connection.unreachable(error);
    } finally {
      closeQuietly(channel);
    }
  }
}
