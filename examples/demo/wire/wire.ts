import { once } from 'node:events';
import { type AddressInfo, type Server, type Socket, connect, createServer } from 'node:net';
import type { BrokerInstances } from './broker-instances.js';
import { Line, type LineDeps } from './line.js';

/** What stands between clients and the instances of the broker: a load balancer, on a network that fails. */
export class Wire {
  private readonly sockets = new Set<Socket>();

  private constructor(private readonly server: Server) {}

  static async open(to: Pick<BrokerInstances, 'next'>, deps: LineDeps): Promise<Wire> {
    const server = createServer({ noDelay: true });
    const wire = new Wire(server);
    server.on('connection', (client) => wire.connect(client, to.next(), deps));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return wire;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.server.address() as AddressInfo).port}`;
  }

  close(): void {
    this.server.close();
    for (const socket of this.sockets) socket.destroy();
  }

  private connect(client: Socket, port: number | undefined, deps: LineDeps): void {
    // No instance is there.
    if (port === undefined) return void client.destroy();
    const broker = connect({ host: '127.0.0.1', port, noDelay: true });
    for (const socket of [client, broker]) {
      this.sockets.add(socket);
      socket.on('close', () => this.sockets.delete(socket));
    }
    new Line(client, broker, deps);
  }
}
