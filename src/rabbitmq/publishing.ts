import type { ConfirmChannel, Message } from 'amqplib';
import { sendInLanes } from '../transport/engine/lanes.js';
import type { EngineMessage } from '../transport/engine/port.js';
import type { SendAnswer } from '../transport/port.js';
import type { RabbitmqConnection } from './connection.js';
import { toProperties } from './message.codec.js';
import type { Names } from './names.js';
import type { Registry } from './registry.js';
import type { Topology } from './topology.js';

/** What became of one message at the exchange. */
type Fate = 'confirmed' | 'returned' | 'nacked';
/** Returned, although groups have queues: somebody has taken their bindings away. */
type Outcome = Fate | 'unbound';

interface WantedQueue {
  readonly topic: string;
  readonly keyed: boolean;
  readonly group: string;
  readonly queue: string;
}

/**
 * Steps 1 to 3. A confirm says that each queue has it that was bound, and that is all it says: with no queue bound the
 * message comes back and is confirmed all the same, and of two queues one may have been deleted. So what came back is no ACK,
 * and before there is one, each queue that is known must still be there.
 */
export class Publishing {
  private channel: Promise<ConfirmChannel> | undefined;
  private readonly asserted = new Map<string, Promise<void>>();
  private readonly returned = new Set<string>();
  private count = 0;

  constructor(
    private readonly connection: RabbitmqConnection,
    private readonly registry: Registry,
    private readonly topology: Topology,
    private readonly names: Names,
  ) {}

  async publish(messages: readonly EngineMessage[]): Promise<SendAnswer[]> {
    this.connection.refuseUnready();
    await this.registry.known();
    // As known now: a queue that comes later was bound before it was written down.
    const wanted = this.queuesFor(messages);
    const channel = await this.open();
    const unbound = new Set<WantedQueue>();
    const send = async (message: EngineMessage) => {
      const kind = kindOf({ topic: message.topic, keyed: message.orderingKey !== undefined });
      const queues = wanted.filter((one) => kindOf(one) === kind);
      // What is bound and not written down may be the queue of a process that died over it: nobody would ever read it.
      if (queues.length === 0) return answerFor(message, 'returned');
      const fate = await this.send(channel, message, queues);
      if (fate !== 'returned') return answerFor(message, fate);
      for (const queue of queues) unbound.add(queue);
      return answerFor(message, 'unbound');
    };
    const answers = await sendInLanes(messages, send).catch((error: unknown) => {
      throw this.connection.unreachable(error);
    });
    await this.refuseGone(wanted);
    for (const one of unbound) await this.topology.bindAgain(one.queue, one);
    return answers;
  }

  private queuesFor(messages: readonly EngineMessage[]): WantedQueue[] {
    const kinds = messages.map(({ topic, orderingKey }) => ({ topic, keyed: orderingKey !== undefined }));
    const distinct = new Map(kinds.map((kind) => [kindOf(kind), kind]));
    return [...distinct.values()].flatMap(({ topic, keyed }) =>
      this.registry.queuesOf(topic, keyed).map((known) => ({ ...known, topic, keyed })),
    );
  }

  private async send(
    channel: ConfirmChannel,
    message: EngineMessage,
    queues: readonly WantedQueue[],
  ): Promise<Fate> {
    const { topic, orderingKey, body } = message;
    const keyed = orderingKey !== undefined;
    const exchange = this.names.exchange(topic, keyed);
    const asserting = this.asserted.get(exchange) ?? this.prepare(channel, { topic, keyed }, queues);
    this.asserted.set(exchange, asserting);
    asserting.catch(() => this.asserted.delete(exchange));
    await asserting;
    const correlationId = String(++this.count);
    const options = { ...toProperties(message, Date.now()), correlationId };
    return new Promise<Fate>((resolve, reject) => {
      channel.publish(exchange, '', body, options, (error: unknown) => {
        // It comes before the confirm.
        const isReturned = this.returned.delete(correlationId);
        if (!error) return resolve(isReturned ? 'returned' : 'confirmed');
        const isNack = error instanceof Error && /nack/.test(error.message);
        if (isNack) resolve('nacked');
        else reject(error instanceof Error ? error : new Error('the publish failed'));
      });
    });
  }

  /** Once for each channel: a binding that is gone is noticed by nobody, unless there is no other one. */
  private async prepare(
    channel: ConfirmChannel,
    { topic, keyed }: { topic: string; keyed: boolean },
    queues: readonly WantedQueue[],
  ): Promise<void> {
    await this.topology.assertExchange(channel, topic, keyed);
    for (const one of queues) await this.topology.bindAgain(one.queue, one);
  }

  /** @throws BrokerUnreachableError where a group's queue is gone: it would miss the message, and nobody would hear of it */
  private async refuseGone(wanted: readonly WantedQueue[]): Promise<void> {
    for (const { group, topic, queue } of wanted) {
      if (await this.topology.exists(queue)) continue;
      // For the next try. It shows as well whether this process is still told of what is written.
      void this.registry.catchUp().catch(() => undefined);
      throw this.connection.unreachable(
        new Error(
          `queue ${queue} of group ${group} is gone, so ${group} would miss what is published to ${topic}: it waits until a consumer of the group has made the queue anew, or the group is removed`,
        ),
      );
    }
  }

  private open(): Promise<ConfirmChannel> {
    const opening = (this.channel ??= this.begin());
    opening.catch(() => this.forget(opening));
    return opening;
  }

  private async begin(): Promise<ConfirmChannel> {
    const channel = await this.connection.confirmChannel();
    const { channel: opening } = this;
    channel.on('return', ({ properties }: Message) => this.returned.add(String(properties.correlationId)));
    channel.on('close', () => this.forget(opening));
    return channel;
  }

  private forget(opening: Promise<ConfirmChannel> | undefined): void {
    if (this.channel !== opening) return;
    this.channel = undefined;
    this.asserted.clear();
    this.returned.clear();
  }
}

/** Where a message is sent. */
function kindOf({ topic, keyed }: { topic: string; keyed: boolean }): string {
  return `${topic} ${keyed}`;
}

function answerFor({ topic }: EngineMessage, fate: Outcome): SendAnswer {
  switch (fate) {
    case 'confirmed':
      return { kind: 'landed' };
    case 'returned':
      return {
        kind: 'refused',
        reason: `no group has subscribed to ${topic} yet: it waits here for the first one`,
      };
    case 'unbound':
      return {
        kind: 'refused',
        reason: `the queues of its groups were not bound to ${topic} any more. They are bound anew, and it is sent again`,
      };
    case 'nacked':
      return { kind: 'refused', reason: 'RabbitMQ could not take it (nack)' };
  }
}
