import type { TransportCapabilities } from '../transport/capabilities.js';
import { Outage } from '../transport/engine/outage.js';
import type {
  EngineEars,
  EngineMessage,
  EngineReceiver,
  EngineSubscription,
  MessageEngine,
} from '../transport/engine/port.js';
import { RabbitmqConnection } from './connection.js';
import { Consuming } from './consuming.js';
import { ForeignMessages } from './foreign-messages.js';
import { Names } from './names.js';
import { Publishing } from './publishing.js';
import type { ResolvedRabbitmqOptions } from './rabbitmq.options.js';
import { Registry } from './registry.js';
import { Topology } from './topology.js';

export const RABBITMQ_CAPABILITIES: TransportCapabilities = {
  oneCommit: false,
  absorbsResends: false,
  quarantines: false,
  parksUnrouted: false,
  ordersKeys: true,
  limitsGroups: false,
  noticesRestoredOutbox: false,
  knowsUnfinished: false,
  noticesLostConsumers: true,
};

/** Publishers and consumers have a connection each: RabbitMQ stops reading from one that publishes when it runs full. */
interface Parts {
  publishing: RabbitmqConnection;
  consuming: RabbitmqConnection;
  publisher: Publishing;
  topology: Topology;
  foreign: ForeignMessages;
  registry: Registry;
  warn: (line: string) => void;
}

export class RabbitmqEngine implements MessageEngine {
  readonly capabilities = RABBITMQ_CAPABILITIES;
  readonly name: string;
  private opened: Parts | undefined;

  constructor(private readonly options: Omit<ResolvedRabbitmqOptions, 'through'>) {
    const { hostname, port, pathname, protocol } = new URL(options.url);
    const standard = protocol === 'amqps:' ? 5671 : 5672;
    this.name = `rabbitmq://${hostname}:${port || standard}${pathname === '' ? '/' : pathname}`;
  }

  async open(ears: EngineEars): Promise<boolean> {
    const { name } = this;
    const warn = (line: string) => ears.warn(line);
    const { prefix, timeoutMs } = this.options;
    const names = new Names(prefix);
    const outage = new Outage(name, warn);
    const publishing = new RabbitmqConnection({ ...this.options, name }, outage, warn);
    const consuming = new RabbitmqConnection({ ...this.options, name }, outage, () => undefined);
    // By the one nothing is ever published: RabbitMQ would stop reading its ACKs as well when it runs full.
    const registry = new Registry(names.registry, {
      reading: consuming,
      writing: publishing,
      timeoutMs,
      warn,
    });
    const topology = new Topology(consuming, registry, names, timeoutMs);
    const publisher = new Publishing(publishing, registry, topology, names);
    const foreign = new ForeignMessages(publishing, names, timeoutMs);
    this.opened = { publishing, consuming, publisher, topology, foreign, registry, warn };
    const both = await Promise.all([publishing.open(), consuming.open()]);
    return both.every((isThere) => isThere);
  }

  identify(): Promise<Buffer> {
    return this.parts.registry.identify();
  }

  async expectPublish(): Promise<void> {
    this.parts.publishing.refuseUnready();
  }

  publish(messages: readonly EngineMessage[]) {
    return this.parts.publisher.publish(messages);
  }

  async subscribe(subscription: EngineSubscription): Promise<void> {
    const { topology } = this.parts;
    for (const keyed of [false, true]) await topology.ensureQueue(subscription, keyed);
  }

  async unsubscribe(subscription: EngineSubscription): Promise<void> {
    const { topology } = this.parts;
    for (const keyed of [false, true]) await topology.removeQueue(subscription, keyed);
  }

  async consume(
    subscription: EngineSubscription,
    concurrency: number,
    receiver: EngineReceiver,
  ): Promise<() => Promise<void>> {
    const { consuming: connection, topology, foreign, warn } = this.parts;
    // As many again, which travel while those are handled.
    const prefetch = this.options.prefetch ?? 2 * concurrency;
    const { timeoutMs } = this.options;
    const consuming = new Consuming(subscription, prefetch, receiver, {
      connection,
      topology,
      foreign,
      timeoutMs,
      warn,
    });
    return () => consuming.stop();
  }

  async close(): Promise<void> {
    const { opened } = this;
    if (opened) await Promise.all([opened.publishing.close(), opened.consuming.close()]);
  }

  private get parts(): Parts {
    if (this.opened) return this.opened;
    throw new Error(`${this.name} has not been opened.`);
  }
}
