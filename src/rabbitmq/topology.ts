import type { Channel } from 'amqplib';
import { ConfigurationError } from '../errors/index.js';
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
  /** Bound by this process, and nobody has said yet whether they are the group's. */
  private readonly undecided = new Map<string, Set<string>>();

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
      const known = await this.registry.catchUp().then(
        () => undefined,
        (error: unknown) => ({ error }),
      );
      const current = this.registry.queueOf(of);
      // One that is there is the group's: a queue is replaced only when it is gone, and its name is given to no other one.
      // So it is found without writing as well, as when the server takes nothing because it runs full.
      if (current !== undefined && (await this.bindAgain(current, of))) {
        if (!known) await this.dropUndecided(of, current);
        return current;
      }
      if (known) throw known.error;
      const queue = this.names.newQueue(topic, group, keyed);
      this.undecidedOf(of).add(queue);
      await this.declare(queue, of);
      if (await this.registry.replace(of, current, queue)) {
        await this.dropUndecided(of, queue);
        return queue;
      }
      // Another one was written down first, and was bound before anything was sent to the group: of another process, or of
      // this one, whose answer got lost.
    }
    throw this.connection.unreachable(
      new Error(`the queue of ${group} for ${topic} is replaced again and again`),
    );
  }

  async removeQueue({ topic, group }: EngineSubscription, keyed: boolean): Promise<void> {
    const of: QueueOf = { topic, group, keyed };
    for (let tries = 1; tries <= RACES; tries++) {
      await this.registry.catchUp();
      const current = this.registry.queueOf(of);
      if (current === undefined) return;
      // The queue first: who comes after this process, should it die in between, finds it by its entry. Publishers wait meanwhile.
      await this.delete(current);
      if (await this.registry.replace(of, current, undefined)) return;
    }
    throw new ConfigurationError(
      `The queue of ${group} for ${topic} is made anew each time that it is deleted, so the group is not removed: stop its consumers first.`,
    );
  }

  /**
   * Of those that turned out not to be the group's nobody else knows, and they would take copies for ever. Only once another
   * one is written down: by then, what was sent to write them down comes too late.
   */
  private async dropUndecided(of: QueueOf, current: string): Promise<void> {
    const undecided = this.undecidedOf(of);
    undecided.delete(current);
    for (const queue of undecided) {
      await this.delete(queue);
      undecided.delete(queue);
    }
  }

  private undecidedOf(of: QueueOf): Set<string> {
    const known = this.undecided.get(keyOf(of)) ?? new Set();
    this.undecided.set(keyOf(of), known);
    return known;
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

  /**
   * Somebody may have taken the binding away, or the exchange with all of them.
   *
   * @returns whether the queue is there
   */
  async bindAgain(queue: string, { topic, keyed }: Pick<QueueOf, 'topic' | 'keyed'>): Promise<boolean> {
    if (!(await this.exists(queue))) return false;
    await this.onChannel((channel) => this.bind(channel, queue, { topic, keyed }));
    return true;
  }

  private async bind(
    channel: Channel,
    queue: string,
    { topic, keyed }: Pick<QueueOf, 'topic' | 'keyed'>,
  ): Promise<void> {
    await this.assertExchange(channel, topic, keyed);
    await channel.bindQueue(queue, this.names.exchange(topic, keyed), '');
  }

  private declare(queue: string, of: QueueOf): Promise<void> {
    return this.onChannel(async (channel) => {
      await channel.assertQueue(queue, {
        durable: true,
        arguments: {
          'x-queue-type': 'quorum',
          'x-delivery-limit': DELIVERY_LIMIT,
          ...(of.keyed && { 'x-single-active-consumer': true }),
        },
      });
      await this.bind(channel, queue, of);
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
