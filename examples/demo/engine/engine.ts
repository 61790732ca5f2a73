import { type CutProxy, cutProxy } from '../../../test/support/cut-proxy.js';
import type { EngineAddress } from './broker-by-engine.js';
import { type EngineServer, openServer } from './engine-server.js';

export type Side = 'payments' | 'cards';

const STANDARD_PORT: Record<string, number> = { 'amqp:': 5672, 'nats:': 4222 };

/** An engine in the broker's place, and a line to it from each side that can be cut. */
export class Engine {
  private constructor(
    private readonly url: string,
    readonly server: EngineServer,
    readonly lines: Record<Side, CutProxy>,
  ) {}

  /** @throws Error naming the option, where it can't be reached */
  static async open(url: string): Promise<Engine> {
    const { protocol, hostname, port } = new URL(url);
    const to = { host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || STANDARD_PORT[protocol]) };
    const server = await openServer(url).catch((cause: Error) => {
      const why = cause.message || String((cause as { code?: unknown }).code);
      throw new Error(`--broker ${protocol}//${to.host}:${to.port} can't be used: ${why}`, { cause });
    });
    return new Engine(url, server, { payments: await cutProxy(to), cards: await cutProxy(to) });
  }

  addressFor(side: Side): EngineAddress {
    const url = new URL(this.url);
    url.hostname = '127.0.0.1';
    url.port = String(this.lines[side].port);
    return { url: url.href, prefix: this.server.prefix };
  }

  get connectionsCut(): number {
    return this.lines.payments.cuts + this.lines.cards.cuts;
  }

  /** When nobody is connected any more. */
  async close(): Promise<void> {
    await Promise.all([this.lines.payments.close(), this.lines.cards.close()]);
    await this.server.remove();
  }
}
