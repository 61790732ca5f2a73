import { setTimeout as pause } from 'node:timers/promises';
import type { Channel, ConsumeMessage } from 'amqplib';
import { describeError } from '../errors/index.js';
import { answered } from '../transport/engine/answered.js';
import { Persistent } from '../transport/engine/persistent.js';
import type { EngineDelivery, EngineReceiver, EngineSubscription } from '../transport/engine/port.js';
import { retryDelay } from '../transport/engine/retry-delay.js';
import { type RabbitmqConnection, closeQuietly } from './connection.js';
import type { ForeignMessages } from './foreign-messages.js';
import { fromMessage, isForeign } from './message.codec.js';
import type { Topology } from './topology.js';

const CLOSING_MS = 1_000;
/** How often it is tried to put away what is foreign. Milliseconds. */
const PUT_AWAY = { first: 1_000, most: 60_000 };

/** Hands out what a group's two queues have, through any loss of the connection or of a queue. */
export class Consuming {
  private readonly persistent: Persistent;
  private channel: Channel | undefined;
  private giveUp: (() => void) | undefined;

  constructor(
    private readonly subscription: EngineSubscription,
    private readonly prefetch: number,
    private readonly receiver: EngineReceiver,
    private readonly deps: {
      connection: RabbitmqConnection;
      topology: Topology;
      foreign: ForeignMessages;
      timeoutMs: number;
      warn: (line: string) => void;
    },
  ) {
    const { topic, group } = subscription;
    this.persistent = new Persistent(
      (begun) => this.untilLost(begun),
      (error) => {
        // Of the connection itself it is told already.
        if (!deps.connection.isThere) return false;
        deps.warn(`The queue of ${group} for ${topic} can't be consumed for now: ${describeError(error)}`);
        return true;
      },
    );
  }

  async stop(): Promise<void> {
    this.persistent.stop();
    if (this.channel) {
      // What was acknowledged just now is with the server when it answers. Where the connection breaks, it never does.
      await answered(this.channel.close(), CLOSING_MS).catch(() => undefined);
      this.giveUp?.();
    }
    await this.persistent.ended;
  }

  private async untilLost(onBegun: () => void): Promise<void> {
    const { connection, topology, timeoutMs, warn } = this.deps;
    const { topic, group } = this.subscription;
    const plain = await topology.ensureQueue(this.subscription, false);
    const keyed = await topology.ensureQueue(this.subscription, true);
    const channel = await connection.channel();
    this.channel = channel;
    const life = { isOver: false };
    const over = new Promise<void>((resolve) => {
      channel.once('close', resolve);
      this.giveUp = resolve;
    });
    try {
      if (this.persistent.signal.aborted) return;
      const onMessage = (message: ConsumeMessage | null) => {
        if (message) return this.take(channel, life, message);
        warn(`The queue of ${group} for ${topic} was deleted, with what was in it. It is made anew.`);
        closeQuietly(channel);
      };
      const begin = async () => {
        await channel.prefetch(this.prefetch);
        await channel.consume(plain, onMessage);
        // What comes back keeps its place only where one is out at a time.
        await channel.prefetch(1);
        await channel.consume(keyed, onMessage);
      };
      await answered(begin(), timeoutMs);
      this.receiver.begun();
      onBegun();
      await over;
    } finally {
      life.isOver = true;
      this.receiver.lost();
      closeQuietly(channel);
    }
  }

  private take(channel: Channel, life: { isOver: boolean }, message: ConsumeMessage): void {
    if (isForeign(message, this.subscription.topic)) {
      void this.putAway(channel, life, message);
      return;
    }
    const read = fromMessage(message);
    if (!read) {
      // It may be of a later version, and must not be thrown away: it stays with the server, unacknowledged.
      this.tellOf(
        "can't be read by this version of the library: it is held until the process ends, for one that can.",
      );
      return;
    }
    const settle = (act: () => void) => () => {
      if (life.isOver) return false;
      try {
        act();
        return true;
      } catch {
        // The channel is closed, and is about to say so.
        return false;
      }
    };
    const delivery: EngineDelivery = {
      ...read,
      redelivered: message.fields.redelivered,
      get isLost() {
        return life.isOver;
      },
      acknowledge: settle(() => channel.ack(message)),
      requeue: settle(() => channel.nack(message, false, true)),
    };
    this.receiver.arrived(delivery);
  }

  /** Out of the others' way. Once the channel is gone it comes again, to whomever. */
  private async putAway(channel: Channel, life: { isOver: boolean }, message: ConsumeMessage): Promise<void> {
    for (let failures = 0; !life.isOver; failures++) {
      try {
        const queue = await this.deps.foreign.take(message);
        if (life.isOver) return;
        channel.ack(message);
        this.tellOf(`was not sent to this topic by this library. It is in the queue ${queue} now.`);
        return;
      } catch (error) {
        if (failures === 0 && !life.isOver) {
          this.tellOf(
            `was not sent to this topic by this library, and can't be put away, which is tried again: ${describeError(error)}`,
          );
        }
        await pause(retryDelay(PUT_AWAY, failures), undefined, { ref: false });
      }
    }
  }

  private tellOf(what: string): void {
    const { topic, group } = this.subscription;
    this.deps.warn(`A message in the queue of ${group} for ${topic} ${what}`);
  }
}
