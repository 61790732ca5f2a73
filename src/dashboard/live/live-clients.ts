import type { ServerResponse } from 'node:http';
import { setHeaders } from '../http/answer.js';

export interface LiveClientsOptions {
  /** How many at the same time. */
  max: number;
  /** Proxies cut what is silent for longer than half a minute or so. */
  heartbeatMs: number;
  /** After that it is ended: the browser comes again, and is asked by the guards again. */
  lifetimeMs: number;
}

interface Client {
  response: ServerResponse;
  since: number;
}

/** Browsers that are told of each new overview (Server-Sent Events). */
export class LiveClients {
  private readonly clients = new Set<Client>();
  private heartbeat: NodeJS.Timeout | undefined;
  private isClosed = false;
  private latest = '';

  /** @param onSome called when there is a first one, and when there is none any more */
  constructor(
    private readonly options: LiveClientsOptions,
    private readonly onSome: (some: boolean) => void,
  ) {}

  get count(): number {
    return this.clients.size;
  }

  get isFull(): boolean {
    return this.isClosed || this.clients.size >= this.options.max;
  }

  admit(response: ServerResponse): void {
    setHeaders(response, 200, 'text/event-stream; charset=utf-8');
    // For nginx, which else collects what it passes on.
    response.setHeader('x-accel-buffering', 'no');
    response.flushHeaders();
    response.write('retry: 2000\n\n');
    // Who comes later need not wait for the next look.
    if (this.clients.size > 0 && this.latest) response.write(this.latest);
    const client = { response, since: performance.now() };
    this.clients.add(client);
    response.once('close', () => this.remove(client));
    response.on('error', () => this.remove(client));
    if (this.clients.size > 1) return;
    this.heartbeat = setInterval(() => this.beat(), this.options.heartbeatMs);
    this.onSome(true);
  }

  /** Who has not read the last one yet is not sent another. */
  tell(event: 'overview' | 'trouble', data: object): void {
    const text = `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
    this.latest = text;
    for (const { response } of this.clients) if (!response.writableNeedDrain) response.write(text);
  }

  /** Ends all, and lets nobody in any more: a server waits for its connections when it closes. */
  close(): void {
    this.isClosed = true;
    for (const client of [...this.clients]) this.end(client);
  }

  private beat(): void {
    const { lifetimeMs } = this.options;
    for (const client of [...this.clients]) {
      if (performance.now() - client.since > lifetimeMs) this.end(client);
      // It has read nothing for so long: it sleeps, or is gone without a word.
      else if (client.response.writableNeedDrain) client.response.destroy();
      else client.response.write(': still here\n\n');
    }
  }

  private end(client: Client): void {
    client.response.end();
    this.remove(client);
  }

  private remove(client: Client): void {
    if (!this.clients.delete(client) || this.clients.size > 0) return;
    clearInterval(this.heartbeat);
    this.onSome(false);
  }
}
