import { randomBytes } from 'node:crypto';
import { type JetStreamManager, jetstreamManager } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { BrokerByEngine } from '../../src/index.js';
import { type JetstreamOptions, jetstream } from '../../src/jetstream/index.js';

/** The server that the test command could bring up; what it couldn't, it says itself. */
export const jetstreamUrl = process.env.MQ_TEST_JETSTREAM_URL;

/** A spec of it is skipped where there is no server. */
export function describeJetstream(name: string, specs: () => void): void {
  if (jetstreamUrl) describe(name, specs);
  else describe.skip(`${name} (MQ_TEST_JETSTREAM_URL is not set: no server could be had)`, specs);
}

/** A broker of a test's own on the server of all tests, told from others by its prefix. */
export interface TestJetstream {
  readonly prefix: string;
  readonly url: string;
  broker(options?: Partial<JetstreamOptions>): BrokerByEngine;
  /** What an operator would do to it. */
  onServer<T>(work: (manager: JetStreamManager, version: string) => Promise<T>): Promise<T>;
  /** The streams that it has made, `prefix` and `prefix_…`. */
  streams(): Promise<string[]>;
  drop(): Promise<void>;
}

export function createJetstream(url = jetstreamUrl!): TestJetstream {
  const prefix = `t${randomBytes(6).toString('hex')}`;
  const onServer: TestJetstream['onServer'] = async (work) => {
    const { host, username, password } = new URL(url);
    const credentials = username && {
      user: decodeURIComponent(username),
      pass: decodeURIComponent(password),
    };
    const connection = await connect({ servers: host, ...credentials });
    try {
      return await work(await jetstreamManager(connection), connection.info?.version ?? '');
    } finally {
      await connection.close();
    }
  };
  const streams = () =>
    onServer(async (manager) => {
      const names: string[] = [];
      for await (const name of manager.streams.names())
        if (name === prefix || name.startsWith(`${prefix}_`)) names.push(name);
      return names;
    });
  return {
    prefix,
    url,
    // Of a process that was killed, what it held is to come soon.
    broker: (options) => jetstream({ url, prefix, ackWaitMs: 2_000, ...options }),
    onServer,
    streams,
    async drop() {
      const names = await streams();
      await onServer(async (manager) => {
        for (const name of names) await manager.streams.delete(name);
      });
    },
  };
}
