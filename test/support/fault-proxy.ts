import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';
import type { TestDatabase } from './engines.js';

/** What happens to the answer of a COMMIT. */
export type CommitFault =
  /** The server commits; its answer never comes, and the connection breaks. */
  | 'answer-lost'
  /** The server never hears of it, and the connection breaks. */
  | 'command-lost'
  /** The server commits; its answer never comes, and nobody says so. */
  | 'answer-swallowed';

export interface FaultProxy {
  /** The same database, reached through the proxy. */
  readonly database: TestDatabase;
  /** How many COMMITs met their fault. */
  readonly faults: number;
  /** Asked at each COMMIT of a transaction that wrote something which matches; undefined: none. */
  decide(fault: (wrote: string) => CommitFault | undefined): void;
  close(): Promise<void>;
}

/** With the bytes about attributes that MySQL from 8.0.23 puts first; or PostgreSQL's. */
const COMMIT = /^(?:.{4}\x03(\x00\x01)?|Q.{4})COMMIT/s;

/** Stands between an app and its server, and breaks what the test asks it to. */
export async function faultProxy(database: TestDatabase): Promise<FaultProxy> {
  const { host, port } = database.options as { host: string; port: number };
  const sockets = new Set<Socket>();
  let decide: (wrote: string) => CommitFault | undefined = () => undefined;
  let faults = 0;
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ host, port, noDelay: true });
    let written = '';
    let silent = false;
    client.on('data', (chunk: Buffer) => {
      const text = chunk.toString('latin1');
      const fault = COMMIT.test(text) ? decide(written) : undefined;
      written = COMMIT.test(text) ? '' : written + text;
      if (fault) faults++;
      if (fault === 'command-lost') return void client.destroy();
      silent ||= fault !== undefined;
      if (fault === 'answer-lost') upstream.once('data', () => client.destroy());
      upstream.write(chunk);
    });
    upstream.on('data', (chunk: Buffer) => {
      if (!silent) client.write(chunk);
    });
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => other.destroy());
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port: proxyPort } = server.address() as AddressInfo;
  const options = { ...database.options, host: '127.0.0.1', port: proxyPort } as TestDatabase['options'];
  return {
    database: { ...database, options },
    get faults() {
      return faults;
    },
    decide: (next) => (decide = next),
    close: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
