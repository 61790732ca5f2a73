import { type Server, type Socket, connect, createServer } from 'node:net';
import type { AddressInfo } from 'node:net';

/** A load balancer for the instances of a service: each connection goes to the next of them in turn that takes it. */
export class Balancer {
  private readonly server: Server;
  private readonly sockets = new Set<Socket>();
  private turn = 0;

  private constructor(private readonly ports: () => readonly number[]) {
    this.server = createServer((client) => this.forward(client));
  }

  static before(...urls: readonly string[]): Promise<Balancer> {
    const ports = urls.map((url) => Number(new URL(url).port));
    return Balancer.open(() => ports);
  }

  /** @param ports where the instances are by now */
  static async open(ports: () => readonly number[]): Promise<Balancer> {
    const balancer = new Balancer(ports);
    await new Promise<void>((resolve) => balancer.server.listen(0, '127.0.0.1', resolve));
    return balancer;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.server.close(resolve));
    for (const socket of this.sockets) socket.destroy();
    await closed;
  }

  private forward(client: Socket): void {
    const turn = this.turn++;
    this.track(client);
    client.pause();
    const ports = this.ports();
    const tryAt = (tries: number): void => {
      if (tries === ports.length) return void client.destroy();
      const upstream = connect(ports[(turn + tries) % ports.length]!, '127.0.0.1');
      const failed = () => tryAt(tries + 1);
      upstream.once('error', failed);
      upstream.once('connect', () => {
        upstream.off('error', failed);
        this.track(upstream);
        client.pipe(upstream).pipe(client);
        for (const [one, other] of [
          [client, upstream],
          [upstream, client],
        ] as const)
          one.on('close', () => other.destroy());
      });
    };
    tryAt(0);
  }

  private track(socket: Socket): void {
    this.sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.sockets.delete(socket));
  }
}
