import type { TransportCapabilities } from '../transport/capabilities.js';
import { Outage } from '../transport/engine/outage.js';
import type {
  EngineEars,
  EngineMessage,
  EngineReceiver,
  EngineSubscription,
  MessageEngine,
} from '../transport/engine/port.js';
import { BrokerId } from './broker-id.js';
import { JetstreamConnection } from './connection.js';
import { Consuming } from './consuming.js';
import { GroupConsumers } from './group-consumers.js';
import type { ResolvedJetstreamOptions } from './jetstream.options.js';
import { Names } from './names.js';
import { Publishing } from './publishing.js';
import { Streams } from './streams.js';

export const JETSTREAM_CAPABILITIES: TransportCapabilities = {
  oneCommit: false,
  absorbsResends: true,
  quarantines: false,
  parksUnrouted: false,
  ordersKeys: true,
  limitsGroups: false,
  noticesRestoredOutbox: false,
  knowsUnfinished: true,
  noticesLostConsumers: false,
};

interface Parts {
  connection: JetstreamConnection;
  brokerId: BrokerId;
  streams: Streams;
  consumers: GroupConsumers;
  publisher: Publishing;
  warn: (line: string) => void;
}

export class JetstreamEngine implements MessageEngine {
  readonly capabilities = JETSTREAM_CAPABILITIES;
  readonly name: string;
  readonly resendsKnownMs: number;
  private opened: Parts | undefined;

  constructor(private readonly options: Omit<ResolvedJetstreamOptions, 'through'>) {
    const [{ hostname, port }] = options.servers as readonly [URL, ...URL[]];
    this.name = `nats://${hostname}:${port || 4222}`;
    this.resendsKnownMs = options.duplicateWindowMs;
  }

  open(ears: EngineEars): Promise<boolean> {
    const { options, name } = this;
    const warn = (line: string) => ears.warn(line);
    const names = new Names(options.prefix);
    const connection = new JetstreamConnection({ ...options, name }, new Outage(name, warn));
    const streams = new Streams(connection, names, options);
    this.opened = {
      connection,
      streams,
      brokerId: new BrokerId(connection, names, options.replicas),
      consumers: new GroupConsumers(connection, streams, names, options, warn),
      publisher: new Publishing(connection, streams, names, options, warn),
      warn,
    };
    return connection.open();
  }

  identify(): Promise<Buffer> {
    return this.parts.brokerId.read();
  }

  async expectPublish(): Promise<void> {
    this.parts.connection.refuseUnready();
  }

  publish(messages: readonly EngineMessage[]) {
    return this.parts.publisher.publish(messages);
  }

  async subscribe(subscription: EngineSubscription): Promise<void> {
    await this.parts.consumers.ensureAll(subscription);
  }

  unsubscribe(subscription: EngineSubscription): Promise<void> {
    return this.parts.consumers.removeAll(subscription);
  }

  async consume(
    subscription: EngineSubscription,
    concurrency: number,
    receiver: EngineReceiver,
  ): Promise<() => Promise<void>> {
    const { ackWaitMs, partitions } = this.options;
    // As many again, which travel while those are handled.
    const prefetch = this.options.prefetch ?? 2 * concurrency;
    const consuming = new Consuming(subscription, { prefetch, partitions }, receiver, {
      ...this.parts,
      ackWaitMs,
    });
    return () => consuming.stop();
  }

  oldest(subscription: EngineSubscription): Promise<number | undefined> {
    return this.parts.consumers.oldest(subscription);
  }

  async close(): Promise<void> {
    await this.opened?.connection.close();
  }

  private get parts(): Parts {
    if (this.opened) return this.opened;
    throw new Error(`${this.name} has not been opened.`);
  }
}
