import {
  type ConsumerInfo,
  DiscardPolicy,
  RetentionPolicy,
  StorageType,
  type StreamInfo,
} from '@nats-io/jetstream';
import { nanos } from '@nats-io/transport-node';
import { ConfigurationError } from '../errors/index.js';
import { isApiError } from './api-errors.js';
import type { JetstreamConnection } from './connection.js';
import type { Names } from './names.js';
import { whatLosesOfStream } from './settings.js';

export interface StreamOptions {
  replicas: number;
  partitions: number;
  duplicateWindowMs: number;
  keepMs: number;
}

/** The stream of a topic. */
export interface TopicStream {
  readonly topic: string;
  readonly name: string;
  /** Into how many parts the messages with an ordering key are divided. */
  readonly partitions: number;
  /** When it was made: one that was deleted and made anew has another time, and counts its messages anew. */
  readonly created: string;
  readonly firstSeq: number;
  readonly lastSeq: number;
  /** When the first one that it still has landed, in microseconds since 1970 UTC. */
  readonly firstAt: number;
}

/** By this a consumer of a group is told from one with which somebody looks into a stream. */
export const DESCRIPTION = 'nestjs-idempotent-mq';

/**
 * One stream for each topic, with all that was published to it lately. It is made by whoever subscribes first, so where there
 * is none nobody has subscribed.
 */
export class Streams {
  constructor(
    private readonly connection: JetstreamConnection,
    private readonly names: Names,
    private readonly options: StreamOptions,
  ) {}

  /**
   * @returns undefined where there is none
   * @throws ConfigurationError where it is set so that it would lose messages
   */
  async find(topic: string): Promise<TopicStream | undefined> {
    const name = this.names.stream(topic);
    try {
      return this.checked(topic, await this.connection.ask(({ manager }) => manager.streams.info(name)));
    } catch (error) {
      if (isApiError(error, 'streamNotFound')) return undefined;
      throw error;
    }
  }

  async ensure(topic: string): Promise<TopicStream> {
    const found = await this.find(topic);
    if (found) return found;
    try {
      return this.checked(topic, await this.make(topic));
    } catch (error) {
      // Somebody else was quicker.
      const made = isApiError(error, 'streamExists') ? await this.find(topic) : undefined;
      if (made) return made;
      throw error;
    }
  }

  /** What groups have to get of it, each of them for each subject. */
  consumers({ name }: TopicStream): Promise<ConsumerInfo[]> {
    return this.connection.ask(async ({ manager }) => {
      const all: ConsumerInfo[] = [];
      for await (const one of manager.consumers.list(name))
        if (one.config.durable_name && one.config.description === DESCRIPTION) all.push(one);
      return all;
    });
  }

  /** Whether a group has subscribed: with its consumer of what has no key, which is made last. */
  async hasGroups(stream: TopicStream): Promise<boolean> {
    const plain = this.names.subject(stream.topic);
    return (await this.consumers(stream)).some(({ config }) => config.filter_subject === plain);
  }

  /** Takes away what was published up to now, as nobody is subscribed any more. */
  async empty(topic: string): Promise<void> {
    const before = await this.find(topic);
    if (!before || (await this.hasGroups(before))) return;
    const { name, lastSeq } = before;
    // Not what comes later: somebody may subscribe at this moment.
    await this.connection.ask(({ manager }) => manager.streams.purge(name, { seq: lastSeq + 1 }));
  }

  /** When the first message landed that it has from this one on, or one before it; in microseconds since 1970 UTC. */
  async landedAt({ name, firstSeq, firstAt }: TopicStream, seq: number): Promise<number> {
    const query = { seq: Math.max(seq, firstSeq) };
    try {
      const message = await this.connection.ask(({ manager }) => manager.streams.getMessage(name, query));
      return message ? message.time.getTime() * 1000 : firstAt;
    } catch (error) {
      if (isApiError(error, 'messageNotFound')) return firstAt;
      throw error;
    }
  }

  private make(topic: string): Promise<StreamInfo> {
    const { replicas, partitions, duplicateWindowMs, keepMs } = this.options;
    const parts = Array.from({ length: partitions }, (_, part) => this.names.subject(topic, part));
    return this.connection.ask(({ manager }) =>
      manager.streams.add({
        name: this.names.stream(topic),
        description: `${DESCRIPTION}: ${topic}`,
        subjects: [this.names.subject(topic), ...parts],
        storage: StorageType.File,
        retention: RetentionPolicy.Limits,
        // Should somebody set a limit, what is published waits in its outbox.
        discard: DiscardPolicy.New,
        num_replicas: replicas,
        duplicate_window: nanos(duplicateWindowMs),
        max_age: nanos(keepMs),
      }),
    );
  }

  private checked(topic: string, { config, created, state }: StreamInfo): TopicStream {
    const { name, subjects } = config;
    const plain = this.names.subject(topic);
    const problems = whatLosesOfStream(config, { ...this.options, plain });
    const partitions = subjects.length - 1;
    if (partitions !== this.options.partitions)
      problems.push(
        `it has ${partitions} partitions, and the option partitions says ${this.options.partitions}: keys would lose their order`,
      );
    if (problems.length > 0) {
      throw new ConfigurationError(
        `The stream ${name} is not as it has to be: ${problems.join('; ')}. Set it right at the server (nats stream edit ${name}), or the options of jetstream().`,
      );
    }
    const { first_seq: firstSeq, last_seq: lastSeq, first_ts } = state;
    return { topic, name, partitions, created, firstSeq, lastSeq, firstAt: Date.parse(first_ts) * 1000 };
  }
}
