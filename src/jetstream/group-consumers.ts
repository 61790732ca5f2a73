import {
  AckPolicy,
  type Consumer,
  type ConsumerConfig,
  type ConsumerInfo,
  DeliverPolicy,
  ReplayPolicy,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { ConfigurationError } from '../errors/index.js';
import type { EngineSubscription } from '../transport/engine/port.js';
import { isApiError } from './api-errors.js';
import type { JetstreamConnection } from './connection.js';
import type { Names } from './names.js';
import { whatLosesOfConsumer } from './settings.js';
import { DESCRIPTION, type Streams, type TopicStream } from './streams.js';

/** Out at a time, over all processes of a group: more than they take ahead. */
const MOST_OUT = 10_000;

/** How far a group had come, in which stream. */
interface Position {
  readonly created: string;
  /** All up to this one was acknowledged. */
  readonly floor: number;
}

/** The durable consumers of a group, from which its processes pull: one for what has no ordering key, one for each partition. */
export class GroupConsumers {
  private readonly positions = new Map<string, Position>();

  constructor(
    private readonly connection: JetstreamConnection,
    private readonly streams: Streams,
    private readonly names: Names,
    private readonly options: { ackWaitMs: number },
    private readonly warn: (line: string) => void,
  ) {}

  /** The last one that is made is the plain one: where it is there, all are. */
  async ensureAll({ topic, group }: EngineSubscription): Promise<TopicStream> {
    const stream = await this.streams.ensure(topic);
    for (const partition of partitionsOf(stream)) await this.ensure(stream, group, partition);
    return stream;
  }

  /** @throws ConfigurationError where it is set so that it would lose messages, or their order */
  async ensure(stream: TopicStream, group: string, partition: number | undefined): Promise<Consumer> {
    const name = this.names.consumer(group, partition);
    const subject = this.names.subject(stream.topic, partition);
    const found = (await this.info(stream, name)) ?? (await this.make(stream, group, partition));
    const problems = whatLosesOfConsumer(found.config, { subject, keyed: partition !== undefined });
    if (problems.length > 0) {
      throw new ConfigurationError(
        `The consumer ${name} of the stream ${stream.name} is not as it has to be: ${problems.join('; ')}. Set it right at the server (nats consumer edit ${stream.name} ${name}).`,
      );
    }
    const ackWait = nanos(this.options.ackWaitMs);
    const info =
      found.config.ack_wait === ackWait
        ? found
        : await this.connection.ask(({ manager }) =>
            manager.consumers.update(stream.name, name, { ack_wait: ackWait }),
          );
    this.note(stream, info);
    return this.connection.refuseUnready().messages.consumers.getConsumerFromInfo(info);
  }

  /** Notes how far the group has come, should somebody delete the consumer. */
  async look(stream: TopicStream, group: string, partition: number | undefined): Promise<void> {
    const info = await this.info(stream, this.names.consumer(group, partition));
    if (info) this.note(stream, info);
  }

  async removeAll({ topic, group }: EngineSubscription): Promise<void> {
    const stream = await this.streams.find(topic);
    if (!stream) return;
    // Publishers first: it counts as there for as long as the plain one is.
    for (const partition of [...partitionsOf(stream)].reverse()) {
      const name = this.names.consumer(group, partition);
      this.positions.delete(keyOf(stream, name));
      await this.connection
        .ask(({ manager }) => manager.consumers.delete(stream.name, name))
        .catch((error: unknown) => {
          if (!isApiError(error, 'consumerNotFound')) throw error;
        });
    }
    await this.streams.empty(topic);
  }

  /**
   * When the oldest one landed that is not acknowledged, or one before it, in microseconds since 1970 UTC.
   *
   * @throws BrokerUnreachableError where a consumer is gone, as an operator deletes it: nobody can say then what it had still to get
   */
  async oldest({ topic, group }: EngineSubscription): Promise<number | undefined> {
    const stream = await this.streams.find(topic);
    if (!stream) return undefined;
    const times: number[] = [];
    for (const partition of partitionsOf(stream)) {
      const name = this.names.consumer(group, partition);
      const info = await this.info(stream, name);
      if (!info) {
        throw this.connection.unreachable(
          new Error(
            `the consumer ${name} of the stream ${stream.name} is gone, and with it what is known of ${group}, until a process of the group has made it anew`,
          ),
        );
      }
      if (info.num_pending + info.num_ack_pending === 0) continue;
      times.push(await this.streams.landedAt(stream, info.ack_floor.stream_seq + 1));
    }
    return times.length > 0 ? Math.min(...times) : undefined;
  }

  private async info({ name }: TopicStream, consumer: string): Promise<ConsumerInfo | undefined> {
    try {
      return await this.connection.ask(({ manager }) => manager.consumers.info(name, consumer));
    } catch (error) {
      if (isApiError(error, 'consumerNotFound')) return undefined;
      throw error;
    }
  }

  private async make(
    stream: TopicStream,
    group: string,
    partition: number | undefined,
  ): Promise<ConsumerInfo> {
    const name = this.names.consumer(group, partition);
    const config = {
      durable_name: name,
      description: DESCRIPTION,
      filter_subject: this.names.subject(stream.topic, partition),
      ack_policy: AckPolicy.Explicit,
      ack_wait: nanos(this.options.ackWaitMs),
      replay_policy: ReplayPolicy.Instant,
      max_deliver: -1,
      // One after the other, over all processes, or those of a key would overtake each other.
      max_ack_pending: partition === undefined ? MOST_OUT : 1,
      ...(await this.whereToBegin(stream, group, name)),
    };
    try {
      return await this.connection.ask(({ manager }) => manager.consumers.add(stream.name, config));
    } catch (error) {
      // Another process was quicker.
      const made = isApiError(error, 'consumerExists', 'consumerNameInUse')
        ? await this.info(stream, name)
        : undefined;
      if (made) return made;
      throw error;
    }
  }

  /**
   * A group has what is published from now on. One that this process knows goes on where it had come to; and the first of all
   * has also what has landed while nobody was quite subscribed yet.
   */
  private async whereToBegin(
    stream: TopicStream,
    group: string,
    name: string,
  ): Promise<Pick<ConsumerConfig, 'deliver_policy' | 'opt_start_seq'>> {
    const known = this.positions.get(keyOf(stream, name));
    if (known) {
      const isSame = known.created === stream.created;
      this.warn(
        isSame
          ? `The consumer ${name} of the stream ${stream.name} was deleted. It is made anew, and goes on where it had come to.`
          : `The stream ${stream.name} was deleted, with what was in it. It is made anew.`,
      );
      if (isSame) return { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: known.floor + 1 };
      return { deliver_policy: DeliverPolicy.All };
    }
    const own = new Set(partitionsOf(stream).map((partition) => this.names.consumer(group, partition)));
    const others = (await this.streams.consumers(stream)).filter((other) => !own.has(other.name));
    return { deliver_policy: others.length > 0 ? DeliverPolicy.New : DeliverPolicy.All };
  }

  private note(stream: TopicStream, { name, ack_floor }: ConsumerInfo): void {
    this.positions.set(keyOf(stream, name), { created: stream.created, floor: ack_floor.stream_seq });
  }
}

/** The plain one, which has no number, comes last. */
export function partitionsOf({ partitions }: Pick<TopicStream, 'partitions'>): (number | undefined)[] {
  return [...Array.from({ length: partitions }, (_, partition) => partition), undefined];
}

function keyOf({ name }: TopicStream, consumer: string): string {
  return `${name} ${consumer}`;
}
