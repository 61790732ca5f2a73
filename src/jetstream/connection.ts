import {
  JetStreamApiError,
  type JetStreamClient,
  type JetStreamManager,
  jetstream,
  jetstreamManager,
} from '@nats-io/jetstream';
import { AuthorizationError, type NatsConnection, connect } from '@nats-io/transport-node';
import { BrokerUnreachableError, ConfigurationError } from '../errors/index.js';
import { answered } from '../transport/engine/answered.js';
import type { Outage } from '../transport/engine/outage.js';
import { refusedLogin } from '../transport/engine/refused-login.js';
import { retryDelay } from '../transport/engine/retry-delay.js';
import { isApiError } from './api-errors.js';

export interface ConnectionOptions {
  servers: readonly URL[];
  /** For messages, without a password. */
  name: string;
  heartbeatSeconds: number;
  timeoutMs: number;
  client: object;
}

/** What can be asked over a connection. */
export interface Client {
  readonly nats: NatsConnection;
  readonly messages: JetStreamClient;
  readonly manager: JetStreamManager;
}

const RETRY = { first: 100, most: 5_000 };
/** The name of an error whose class the client keeps to itself. */
const NOT_ENABLED = 'JetStreamNotEnabled';
/** Within this, the client itself connects again. Milliseconds. */
const RECONNECT = { waitMs: 100, jitterMs: 200 };

/**
 * A connection that is made again whenever it breaks, until it is closed. The client does that itself once it was there; what
 * it was asked meanwhile it may throw away without a word, so it is not asked then.
 */
export class JetstreamConnection {
  private client: Client | undefined;
  private isUp = false;
  private timer: NodeJS.Timeout | undefined;
  private failures = 0;
  private isClosed = false;
  private lastError: unknown = new Error('it has not answered yet');
  private readonly listeners = new Set<() => void>();

  constructor(
    private readonly options: ConnectionOptions,
    private readonly outage: Outage,
  ) {}

  /**
   * @returns whether it is there; if not, it is tried again and again
   * @throws BrokerRefusedError when it does not take the user, the password or the credentials
   */
  async open(): Promise<boolean> {
    await this.connect();
    if (!this.isThere && isRefusedLogin(this.lastError)) {
      await this.close();
      throw refusedLogin(this.options.name, this.lastError);
    }
    return this.isThere;
  }

  /** Calls back each time that it is there anew. @returns how to stop that */
  onConnected(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => this.listeners.delete(listener);
  }

  get isThere(): boolean {
    return this.client !== undefined && this.isUp;
  }

  /** The most bytes that the server takes as one message; undefined where it is not there. */
  get maxPayload(): number | undefined {
    return this.client?.nats.info?.max_payload;
  }

  /** Resolves when it is there, or when the signal is aborted. */
  async there(signal: AbortSignal): Promise<void> {
    if (this.isThere || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const stop = this.onConnected(() => done());
      const done = () => {
        stop();
        signal.removeEventListener('abort', done);
        resolve();
      };
      signal.addEventListener('abort', done, { once: true });
    });
  }

  /** @throws BrokerUnreachableError when it is not there */
  refuseUnready(): Client {
    if (this.client && this.isUp) return this.client;
    throw this.unreachable(this.lastError);
  }

  /**
   * @throws JetStreamApiError what the server says against it
   * @throws ConfigurationError where it can't have as many replicas as the option says
   * @throws BrokerUnreachableError when it is not there, or does not answer in time
   */
  async ask<T>(question: (client: Client) => Promise<T>): Promise<T> {
    const client = this.refuseUnready();
    try {
      return await answered(question(client), this.options.timeoutMs);
    } catch (error) {
      if (isApiError(error, 'replicasNotSupported')) {
        throw new ConfigurationError(
          `replicas in the option broker must be 1 where NATS is a single server, as ${this.options.name} is.`,
          { cause: error },
        );
      }
      throw error instanceof JetStreamApiError ? error : this.unreachable(error);
    }
  }

  /** When this resolves, the server has all that was sent. No longer than `ms`. */
  async flush(ms: number): Promise<void> {
    if (this.client && this.isUp) await answered(this.client.nats.flush(), ms).catch(() => undefined);
  }

  async close(): Promise<void> {
    this.isClosed = true;
    clearTimeout(this.timer);
    const { client } = this;
    this.client = undefined;
    // A server that hangs is not waited for.
    if (client) await answered(client.nats.close(), this.options.timeoutMs).catch(() => undefined);
  }

  unreachable(cause: unknown): BrokerUnreachableError {
    return new BrokerUnreachableError(this.options.name, { cause }, 'The broker');
  }

  private async connect(): Promise<void> {
    const { servers, heartbeatSeconds, timeoutMs, client } = this.options;
    const [{ username, password, protocol }] = servers as readonly [URL, ...URL[]];
    try {
      const nats = await connect({
        ...(username && { user: decodeURIComponent(username), pass: decodeURIComponent(password) }),
        ...(protocol === 'tls:' && { tls: {} }),
        ...client,
        servers: servers.map(({ hostname, port }) => `${hostname}:${port || '4222'}`),
        name: 'nestjs-idempotent-mq',
        timeout: timeoutMs,
        reconnect: true,
        maxReconnectAttempts: -1,
        reconnectTimeWait: RECONNECT.waitMs,
        reconnectJitter: RECONNECT.jitterMs,
        reconnectJitterTLS: RECONNECT.jitterMs,
        pingInterval: heartbeatSeconds * 1000,
        maxPingOut: 2,
      });
      const options = { timeout: timeoutMs };
      const manager = await jetstreamManager(nats, { ...options, checkAPI: false });
      const refusal = await withoutJetstream(manager);
      if (refusal) {
        void nats.close().catch(() => undefined);
        throw refusal;
      }
      // It may have broken meanwhile, and is made anew by the client then, unless that has given up.
      await answered(nats.flush(), timeoutMs).catch((error: unknown) => {
        void nats.close().catch(() => undefined);
        throw error;
      });
      if (this.isClosed) return void nats.close().catch(() => undefined);
      this.client = { nats, manager, messages: jetstream(nats, options) };
      void this.listen(this.client);
      this.came();
    } catch (error) {
      this.lastError = error;
      if (!this.isClosed) this.outage.failed(this, error);
      this.again();
    }
  }

  private async listen(client: Client): Promise<void> {
    const { nats } = client;
    void nats.closed().then((error) => {
      if (this.client !== client) return;
      // The client has given up: its credentials are no longer taken, say.
      if (error) this.lastError = error;
      this.broke();
      this.client = undefined;
      this.again();
    });
    for await (const status of nats.status()) {
      if (this.client !== client) return;
      if (status.type === 'error') this.lastError = status.error;
      if (status.type === 'disconnect') this.broke();
      if (status.type === 'reconnect') this.came();
    }
  }

  private came(): void {
    this.isUp = true;
    this.failures = 0;
    this.outage.over(this);
    for (const listener of [...this.listeners]) listener();
  }

  private broke(): void {
    if (!this.isUp) return;
    this.isUp = false;
    this.failures = Math.max(1, this.failures);
    this.lastError = new Error('the connection broke');
    if (!this.isClosed) this.outage.broke(this);
  }

  private again(): void {
    if (this.isClosed) return;
    this.timer = setTimeout(() => void this.connect(), retryDelay(RETRY, this.failures++));
  }
}

/** Not one that was too slow to say who it is. */
function isRefusedLogin(error: unknown): boolean {
  return error instanceof AuthorizationError && !/timeout/i.test(error.message);
}

/** A server without JetStream takes the connection, and then leaves every question unanswered. */
async function withoutJetstream(manager: JetStreamManager): Promise<Error | undefined> {
  try {
    await manager.getAccountInfo();
  } catch (error) {
    if (error instanceof Error && error.name === NOT_ENABLED) {
      return new Error(
        'JetStream is not enabled: start the server with -js, or enable it for the account of this user',
        { cause: error },
      );
    }
  }
  return undefined;
}
