import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';

/** The network between two servers. What is on its way when it is cut does not arrive. */
export class Link {
  private readonly sockets = new Set<Socket>();

  private constructor(
    private readonly server: Server,
    private readonly to: { host: string; port: number },
    private readonly latencyMs: number,
  ) {
    server.on('connection', (replica) => this.lead(replica));
  }

  /** @param latencyMs how long what the one at `to` says is on its way */
  static async open(to: { host: string; port: number }, latencyMs: number): Promise<Link> {
    const server = createServer({ noDelay: true });
    const link = new Link(server, to, latencyMs);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return link;
  }

  get port(): number {
    return (this.server.address() as AddressInfo).port;
  }

  cut(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private lead(replica: Socket): void {
    const primary = connect({ ...this.to, noDelay: true });
    for (const [socket, other] of [
      [replica, primary],
      [primary, replica],
    ] as const) {
      this.sockets.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => {
        this.sockets.delete(socket);
        other.destroy();
      });
    }
    replica.on('data', (chunk) => primary.write(chunk));
    primary.on('data', (chunk) => {
      setTimeout(() => replica.writable && replica.write(chunk), this.latencyMs);
    });
  }
}
