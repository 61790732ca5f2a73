import type { Consumer, ConsumerMessages, JsMsg } from '@nats-io/jetstream';
import { answered } from '../transport/engine/answered.js';
import { Persistent } from '../transport/engine/persistent.js';
import type { EngineReceiver, EngineSubscription } from '../transport/engine/port.js';
import type { JetstreamConnection } from './connection.js';
import { JetstreamDelivery } from './delivery.js';
import type { GroupConsumers } from './group-consumers.js';
import { fromMessage, isForeign } from './message.codec.js';
import type { Streams } from './streams.js';

/** How long a pull waits for messages, in milliseconds. */
const PULL_MS = 10_000;
/** How often it is looked how far the group has come, and at the least for room, in milliseconds. */
const LOOK_MS = 10_000;
const ROOM_LOOK_MS = 1_000;
/** A pull asks for no fewer than this part of all that may be out. */
const LEAST_PULL = 0.25;

export interface LaneDeps {
  connection: JetstreamConnection;
  streams: Streams;
  consumers: GroupConsumers;
  ackWaitMs: number;
  warn: (line: string) => void;
}

/** Pulls what one durable consumer has for a group, as fast as this process takes it, through whatever breaks. */
export class Lane {
  readonly persistent: Persistent;
  private readonly out = new Set<JetstreamDelivery>();
  private pulling: ConsumerMessages | undefined;
  private roomMade: (() => void) | undefined;
  private readonly stopListening: () => void;

  constructor(
    private readonly subscription: EngineSubscription,
    private readonly partition: number | undefined,
    private readonly prefetch: number,
    private readonly receiver: Pick<EngineReceiver, 'arrived'>,
    private readonly deps: LaneDeps,
  ) {
    const { connection } = deps;
    // Of a pull from before, the server knows nothing any more.
    this.stopListening = connection.onConnected(() => this.endPull());
    this.persistent = new Persistent(
      (begun) => this.untilLost(begun),
      (error) => {
        const { topic, group } = subscription;
        if (!connection.isThere) return false;
        deps.warn(`What ${group} has of ${topic} can't be pulled for now: ${String(error)}`);
        return true;
      },
    );
  }

  async stop(): Promise<void> {
    this.persistent.stop();
    this.endPull();
    this.roomMade?.();
    await this.persistent.ended;
    this.stopListening();
    for (const delivery of [...this.out]) delivery.requeue();
  }

  private async untilLost(begun: () => void): Promise<void> {
    const { connection, streams, consumers } = this.deps;
    const { signal } = this.persistent;
    const { topic, group } = this.subscription;
    await connection.there(signal);
    if (signal.aborted) return;
    const stream = await streams.ensure(topic);
    const consumer = await consumers.ensure(stream, group, this.partition);
    let lookAt = performance.now() + LOOK_MS;
    while (!signal.aborted) {
      const room = await this.room();
      if (signal.aborted) return;
      await this.pull(consumer, room);
      begun();
      if (performance.now() < lookAt) continue;
      await consumers.look(stream, group, this.partition);
      lookAt = performance.now() + LOOK_MS;
    }
  }

  /** Resolves when there is room for some. */
  private async room(): Promise<number> {
    const { signal } = this.persistent;
    for (;;) {
      for (const delivery of [...this.out]) if (delivery.isLost) this.out.delete(delivery);
      const room = this.prefetch - this.out.size;
      if (signal.aborted || room >= Math.max(1, LEAST_PULL * this.prefetch)) return room;
      let timer: NodeJS.Timeout | undefined;
      await new Promise<void>((resolve) => {
        this.roomMade = resolve;
        timer = setTimeout(resolve, ROOM_LOOK_MS);
      });
      clearTimeout(timer);
    }
  }

  private async pull(consumer: Consumer, room: number): Promise<void> {
    const messages = await consumer.fetch({ max_messages: room, expires: PULL_MS });
    this.pulling = messages;
    try {
      await answered(this.takeAll(messages), 2 * PULL_MS);
    } finally {
      this.pulling = undefined;
      // Also one that never ends by itself.
      void messages.close();
    }
  }

  private async takeAll(messages: ConsumerMessages): Promise<void> {
    for await (const message of messages) this.take(message);
    const error = await messages.closed();
    if (error) throw error;
  }

  private take(came: JsMsg): void {
    const isForeignMessage = isForeign(came, this.subscription.topic);
    const read = isForeignMessage ? undefined : fromMessage(came);
    if (!read) {
      this.leave(came, isForeignMessage);
      return;
    }
    const { ackWaitMs, connection } = this.deps;
    const delivery = new JetstreamDelivery(came, read, {
      ackWaitMs,
      isThere: () => connection.isThere,
      done: (done) => {
        this.out.delete(done);
        this.roomMade?.();
      },
    });
    this.out.add(delivery);
    this.receiver.arrived(delivery);
  }

  /** It can't be handled. */
  private leave(came: JsMsg, isForeignMessage: boolean): void {
    const { group } = this.subscription;
    const it = `Message ${came.seq} of the stream ${came.info.stream}`;
    if (isForeignMessage) {
      // Out of the others' way, and still in its stream.
      came.term('not sent by nestjs-idempotent-mq');
      this.deps.warn(
        `${it} was not sent to this topic by this library: ${group} passes over it, and it stays in the stream.`,
      );
      return;
    }
    // It may be of a later version, and must not be thrown away: it stays with the server, unacknowledged.
    this.deps.warn(
      `${it} can't be read by this version of the library: it comes to ${group} again and again, until a version that can read it is there or it is taken out by hand.`,
    );
  }

  private endPull(): void {
    void this.pulling?.close();
  }
}
