import { JetStreamApiError } from '@nats-io/jetstream';
import { ConfigurationError } from '../errors/index.js';
import { sendInLanes } from '../transport/engine/lanes.js';
import type { EngineMessage } from '../transport/engine/port.js';
import type { SendAnswer } from '../transport/port.js';
import type { JetstreamConnection } from './connection.js';
import { sizeOf, toHeaders } from './message.codec.js';
import type { Names } from './names.js';
import { partitionOf } from './partition.js';
import type { Streams, TopicStream } from './streams.js';

/** For so long a topic counts as subscribed after it was seen to be. Milliseconds. */
const KNOWN_MS = 1_000;
/** Clocks differ; from this part of the window on, a re-send may not be known any more. */
const SURE_OF_WINDOW = 0.75;

interface Known {
  readonly stream: TopicStream;
  readonly until: number;
}

/**
 * Steps 1 to 3. Its stream has a message once, however often it is sent within the duplicate window: `Nats-Msg-Id` is the
 * inner-msg-id. What nobody has subscribed to is not sent at all: once in a stream, its re-send would count as known, and
 * the group that comes would never see it.
 */
export class Publishing {
  private readonly known = new Map<string, Known>();

  constructor(
    private readonly connection: JetstreamConnection,
    private readonly streams: Streams,
    private readonly names: Names,
    private readonly options: { duplicateWindowMs: number },
    private readonly warn: (line: string) => void,
  ) {}

  async publish(messages: readonly EngineMessage[]): Promise<SendAnswer[]> {
    this.connection.refuseUnready();
    const streams = new Map<string, TopicStream | SendAnswer>();
    for (const { topic } of messages)
      if (!streams.has(topic)) streams.set(topic, await this.streamFor(topic));
    this.tellOfLate(messages);
    return sendInLanes(messages, async (message) => {
      const stream = streams.get(message.topic)!;
      return 'kind' in stream ? stream : this.send(message, stream);
    });
  }

  /** @returns the answer for all messages of the topic, where there is none */
  private async streamFor(topic: string): Promise<TopicStream | SendAnswer> {
    const known = this.known.get(topic);
    if (known && performance.now() < known.until) return known.stream;
    try {
      const stream = await this.streams.find(topic);
      if (stream && (await this.streams.hasGroups(stream))) {
        this.known.set(topic, { stream, until: performance.now() + KNOWN_MS });
        return stream;
      }
    } catch (error) {
      // Other topics go on.
      if (error instanceof ConfigurationError) return { kind: 'refused', reason: error.message };
      throw error;
    }
    return {
      kind: 'refused',
      reason: `no group has subscribed to ${topic} yet: it waits here for the first one`,
    };
  }

  private async send(message: EngineMessage, { name, partitions }: TopicStream): Promise<SendAnswer> {
    const { topic, body, orderingKey } = message;
    const headers = toHeaders(message);
    const bytes = body.length + sizeOf(headers);
    const { maxPayload = Infinity } = this.connection;
    if (bytes > maxPayload) {
      const reason = `it has ${bytes} bytes with its headers, and the server takes ${maxPayload} (max_payload)`;
      return { kind: 'refused', reason };
    }
    const partition = orderingKey && partitionOf(orderingKey, partitions);
    const subject = this.names.subject(topic, partition);
    try {
      const { duplicate } = await this.connection.ask(({ messages }) =>
        messages.publish(subject, body, { headers, expect: { streamName: name } }),
      );
      return { kind: duplicate ? 'duplicate' : 'landed' };
    } catch (error) {
      this.known.delete(topic);
      if (!(error instanceof JetStreamApiError)) throw error;
      return { kind: 'refused', reason: `JetStream could not take it: ${error.message}` };
    }
  }

  /**
   * A relay gives what was never sent a fresh id when it has waited for half of the window. So whose id is older than that was
   * sent before, and longer ago than JetStream is sure to remember. It may travel twice; that is for its biz-id to absorb.
   */
  private tellOfLate(messages: readonly EngineMessage[]): void {
    const { duplicateWindowMs } = this.options;
    const sureFrom = Date.now() - SURE_OF_WINDOW * duplicateWindowMs;
    const late = messages.filter(({ innerMsgId }) => innerMsgId.readUIntBE(0, 6) < sureFrom);
    if (late.length === 0) return;
    this.warn(
      `${late.length} messages are sent again that were first sent longer ago than JetStream is sure to remember (duplicateWindowMs: ${duplicateWindowMs}). Those that had arrived travel twice, and their biz-ids absorb it.`,
    );
  }
}
