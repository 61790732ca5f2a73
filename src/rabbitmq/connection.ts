import { type Channel, type ChannelModel, type ConfirmChannel, connect } from 'amqplib';
import { BrokerUnreachableError, describeError } from '../errors/index.js';
import { answered } from '../transport/engine/answered.js';
import type { Outage } from '../transport/engine/outage.js';
import { refusedLogin } from '../transport/engine/refused-login.js';
import { retryDelay } from '../transport/engine/retry-delay.js';

export interface ConnectionOptions {
  url: string;
  /** For messages, without a password. */
  name: string;
  heartbeatSeconds: number;
  timeoutMs: number;
}

const RETRY = { first: 100, most: 5_000 };
/** So the client says it: it has no code for either. */
const LOGIN_REFUSED = /\b403 \(ACCESS-REFUSED\)/;
const VHOST_NOT_OPENED = /Expected ConnectionOpenOk/;

/** A connection that is made again whenever it breaks, until it is closed. */
export class RabbitmqConnection {
  private model: ChannelModel | undefined;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private isClosed = false;
  private lastError: unknown = new Error('it has not answered yet');
  /** Why the server takes nothing from publishers for now. */
  private blocked: string | undefined;
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly options: ConnectionOptions,
    private readonly outage: Outage,
    private readonly warn: (line: string) => void,
  ) {}

  /**
   * @returns whether it is there; if not, it is tried again and again
   * @throws BrokerRefusedError when it does not take the user or the password
   */
  async open(): Promise<boolean> {
    await this.connect();
    if (!this.model && LOGIN_REFUSED.test(describeError(this.lastError))) {
      await this.close();
      throw refusedLogin(this.options.name, this.lastError);
    }
    return this.model !== undefined;
  }

  /** Calls back each time that it is there anew. */
  onConnected(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get isThere(): boolean {
    return this.model !== undefined;
  }

  /** @throws BrokerUnreachableError when it is not there, or takes nothing from publishers */
  refuseUnready(): void {
    if (!this.model) throw this.unreachable(this.lastError);
    if (this.blocked === undefined) return;
    throw this.unreachable(new Error(`it takes nothing from publishers for now: ${this.blocked}`));
  }

  /** @throws BrokerUnreachableError when it is not there */
  channel(): Promise<Channel> {
    return this.within((model) => model.createChannel());
  }

  /** @throws BrokerUnreachableError when it is not there */
  confirmChannel(): Promise<ConfirmChannel> {
    return this.within((model) => model.createConfirmChannel());
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    const { model } = this;
    this.model = undefined;
    // A server that hangs is not waited for.
    await Promise.race([model?.close().catch(() => undefined), late(this.options.timeoutMs)]);
  }

  unreachable(cause: unknown): BrokerUnreachableError {
    return new BrokerUnreachableError(this.options.name, { cause }, 'The broker');
  }

  private async within<T extends Channel>(make: (model: ChannelModel) => Promise<T>): Promise<T> {
    const { model } = this;
    if (!model) throw this.unreachable(this.lastError);
    const making = make(model);
    try {
      const channel = await answered(making, this.options.timeoutMs);
      // Each operation hears of it as well; unheard, it would end the process.
      channel.on('error', () => undefined);
      return channel;
    } catch (error) {
      // One that opens too late is nobody's, and a connection has so many and no more.
      making.then(closeQuietly, () => undefined);
      throw this.unreachable(error);
    }
  }

  private async connect(): Promise<void> {
    const { url, heartbeatSeconds, timeoutMs } = this.options;
    try {
      const address = new URL(url);
      address.searchParams.set('heartbeat', String(heartbeatSeconds));
      const model = await connect(address.href, {
        noDelay: true,
        timeout: timeoutMs,
        clientProperties: { connection_name: 'nestjs-idempotent-mq' },
      });
      this.lastError = new Error('it has closed the connection');
      // Where both come, the error says why. One that the server closes on purpose has no other.
      model.on('error', (error) => (this.lastError = error));
      model.on('close', (error?: Error) => {
        if (error) this.lastError = error;
        this.broke(model);
      });
      model.on('blocked', (reason) => {
        this.blocked = reason || 'no reason given';
        this.warn(
          `${this.options.name} takes nothing from publishers for now (${this.blocked}): what is published waits in the outbox.`,
        );
      });
      model.on('unblocked', () => (this.blocked = undefined));
      if (this.isClosed) return void model.close().catch(() => undefined);
      this.model = model;
      this.blocked = undefined;
      this.failures = 0;
      this.outage.over(this);
      for (const listener of this.listeners) listener();
    } catch (error) {
      this.lastError = this.explained(error);
      if (!this.isClosed) this.outage.failed(this, this.lastError);
      this.again();
    }
  }

  private explained(error: unknown): unknown {
    if (!VHOST_NOT_OPENED.test(describeError(error))) return error;
    return new Error(
      'it did not open the virtual host at the end of its address: there is none of that name, the user may not enter it, it is down, or it takes no more connections',
      { cause: error },
    );
  }

  private broke(model: ChannelModel): void {
    if (this.model !== model) return;
    this.model = undefined;
    if (!this.isClosed) this.outage.broke(this, this.lastError);
    this.again();
  }

  private again(): void {
    if (this.isClosed) return;
    this.timer = setTimeout(() => void this.connect(), retryDelay(RETRY, this.failures++));
  }
}

/**
 * Never waited for: where the connection breaks meanwhile, amqplib never says that the channel is closed, and whoever waited
 * for it would for ever.
 */
export function closeQuietly(channel: Channel): void {
  channel.close().catch(() => undefined);
}

function late(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms).unref());
}
