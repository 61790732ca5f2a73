import { once } from 'node:events';
import { type AddressInfo, type Socket, connect, createServer } from 'node:net';

/** Stands between an app and a server, and cuts connections when a test says so. */
export interface CutProxy {
  readonly port: number;
  /** How many connections were cut while they were open. */
  readonly cuts: number;
  /** What the server says from now on does not come through, and nobody says so. */
  silenceServer(): void;
  /** Cuts every connection; new ones go through. */
  cut(): void;
  /** Cuts a connection as soon as what matches goes by, in either direction; the bytes with it never arrive. */
  cutAt(direction: 'to-server' | 'to-client', matches: (bytes: Buffer) => boolean): void;
  close(): Promise<void>;
}

export async function cutProxy(target: { host: string; port: number }): Promise<CutProxy> {
  const pairs = new Set<{ client: Socket; upstream: Socket; silent: boolean }>();
  let cuts = 0;
  let trap: { direction: string; matches: (bytes: Buffer) => boolean } | undefined;
  const end = (pair: { client: Socket; upstream: Socket }) => {
    cuts++;
    pair.client.destroy();
    pair.upstream.destroy();
  };
  const server = createServer({ noDelay: true }, (client) => {
    const upstream = connect({ ...target, noDelay: true });
    const pair = { client, upstream, silent: false };
    pairs.add(pair);
    const pass = (direction: string, from: Socket, to: Socket) => {
      from.on('data', (bytes: Buffer) => {
        if (trap?.direction === direction && trap.matches(bytes)) {
          trap = undefined;
          return end(pair);
        }
        if (!(pair.silent && direction === 'to-client')) to.write(bytes);
      });
      from.on('error', () => undefined);
      from.on('close', () => {
        to.destroy();
        pairs.delete(pair);
      });
    };
    pass('to-server', client, upstream);
    pass('to-client', upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get cuts() {
      return cuts;
    },
    silenceServer: () => pairs.forEach((pair) => (pair.silent = true)),
    cut: () => [...pairs].forEach(end),
    cutAt: (direction, matches) => (trap = { direction, matches }),
    close: async () => {
      for (const { client, upstream } of pairs) {
        client.destroy();
        upstream.destroy();
      }
      server.close();
      await once(server, 'close');
    },
  };
}
