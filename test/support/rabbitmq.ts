import { randomBytes } from 'node:crypto';
import { type ChannelModel, connect } from 'amqplib';
import type { BrokerByEngine } from '../../src/index.js';
import { type RabbitmqOptions, rabbitmq } from '../../src/rabbitmq/index.js';

/** The server that the test command could bring up; what it couldn't, it says itself. */
export const rabbitmqUrl = process.env.MQ_TEST_RABBITMQ_URL;

/** A spec of it is skipped where there is no server. */
export function describeRabbitmq(name: string, specs: () => void): void {
  if (rabbitmqUrl) describe(name, specs);
  else describe.skip(`${name} (MQ_TEST_RABBITMQ_URL is not set: no server could be had)`, specs);
}

/** A broker of a test's own on the server of all tests, told from others by its prefix. */
export interface TestRabbitmq {
  readonly prefix: string;
  readonly url: string;
  broker(options?: Partial<RabbitmqOptions>): BrokerByEngine;
  /** The names of the queues that its groups have. */
  queues(): Promise<string[]>;
  drop(): Promise<void>;
}

export function createRabbitmq(url = rabbitmqUrl!): TestRabbitmq {
  const prefix = `t${randomBytes(6).toString('hex')}`;
  return {
    prefix,
    url,
    broker: (options) => rabbitmq({ url, prefix, ...options }),
    queues: () => queuesOf(url, prefix),
    async drop() {
      const names = await queuesOf(url, prefix);
      const connection = await connect(url);
      try {
        const channel = await connection.createChannel();
        for (const name of [...names, `${prefix}.registry`]) await channel.deleteQueue(name);
      } finally {
        await connection.close();
      }
    },
  };
}

interface Entry {
  kind: string;
  queue?: string | null;
  replaces?: string | null;
}

async function isThere(connection: ChannelModel, queue: string): Promise<boolean> {
  const channel = await connection.createChannel();
  // Said of the question as well.
  channel.on('error', () => undefined);
  return channel.checkQueue(queue).then(
    () => true,
    () => false,
  );
}

/** Of its registry, as it stands. */
async function queuesOf(url: string, prefix: string): Promise<string[]> {
  const queues = new Set<string>();
  const connection = await connect(url);
  try {
    const registry = `${prefix}.registry`;
    if (!(await isThere(connection, registry))) return [];
    const channel = await connection.createConfirmChannel();
    await channel.prefetch(100);
    const mark = randomBytes(8).toString('hex');
    await new Promise<void>((resolve, reject) => {
      const read = (message: { content: Buffer } | null) => {
        if (!message) return reject(new Error('the registry is gone'));
        channel.ack(message as never);
        const entry = JSON.parse(message.content.toString()) as Entry & { id?: string };
        if (entry.queue) queues.add(entry.queue);
        if (entry.replaces) queues.delete(entry.replaces);
        if (entry.id === mark) resolve();
      };
      channel
        .consume(registry, read, { arguments: { 'x-stream-offset': 'first' } })
        .then(() => channel.sendToQueue(registry, Buffer.from(JSON.stringify({ kind: 'mark', id: mark }))))
        .catch(reject);
    });
  } finally {
    await connection.close();
  }
  return [...queues];
}
