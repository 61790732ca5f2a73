import { type IncomingMessage, type Server, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface ListenOptions {
  host: string;
  port: number;
}

/** Longer than a client keeps a connection that it doesn't use: who sends on one that is being closed gets an error. */
const KEEP_ALIVE_MS = 75_000;
const HEADERS_MS = 10_000;
const MAX_HEADERS = 64;
const MAX_CONNECTIONS = 2_000;
const MALFORMED = '{"error":{"code":"BODY_MALFORMED","message":"This is no HTTP request."}}';

/** A server of the service's own, with limits on all that comes before a request is one. */
export class HttpServer {
  private readonly server: Server;

  constructor(handle: (request: IncomingMessage, response: ServerResponse) => void, bodyTimeoutMs: number) {
    this.server = createServer(
      {
        keepAliveTimeout: KEEP_ALIVE_MS,
        headersTimeout: HEADERS_MS,
        requestTimeout: HEADERS_MS + bodyTimeoutMs,
        connectionsCheckingInterval: 2_000,
        noDelay: true,
      },
      handle,
    );
    this.server.maxHeadersCount = MAX_HEADERS;
    this.server.maxConnections = MAX_CONNECTIONS;
    this.server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
      if (error.code === 'ECONNRESET' || !socket.writable) return void socket.destroy();
      const head = `content-type: application/json\r\ncontent-length: ${MALFORMED.length}\r\nconnection: close`;
      // Not only ended: who never closes his side would keep the socket.
      socket.end(`HTTP/1.1 400 Bad Request\r\n${head}\r\n\r\n${MALFORMED}`, () => socket.destroy());
    });
  }

  /** @returns the port, which the system chose where 0 was given */
  async listen({ host, port }: ListenOptions): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.server.once('error', reject);
      this.server.listen(port, host, () => {
        this.server.off('error', reject);
        resolve();
      });
    });
    return (this.server.address() as AddressInfo).port;
  }

  /** Takes no more connections, and ends those that nothing comes on. */
  stopListening(): void {
    this.server.close();
    this.server.closeIdleConnections();
  }

  async close(): Promise<void> {
    const closed = new Promise<void>((resolve) => this.server.close(() => resolve()));
    this.server.closeAllConnections();
    await closed;
  }
}
