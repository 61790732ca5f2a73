import type { Server } from 'node:http';
import { Logger } from '@nestjs/common';
import { BrokerService } from './broker/index.js';
import { DROP_DELAY_MS, LANDING_ROWS, SWEEP_INTERVAL_MS, statementLimits } from './broker-settings.js';
import { BrokerSide } from './broker-side.js';
import { ConfigurationError, describeError } from './errors/index.js';
import { IdempotentMqEvents } from './events/index.js';
import type { ResolvedBrokerOptions } from './idempotent-mq-broker.options.js';
import { logEvents } from './log-events.js';
import { logRelayEvents } from './log-relay-events.js';
import { logWatchingEvents } from './log-watching-events.js';
import type { Observed } from './observing/index.js';
import { IdempotentMqOperations } from './operate/index.js';
import {
  HttpEndpoint,
  HttpServer,
  LandingWatch,
  type ListenOptions,
  mountOn,
  openApiDocument,
  operationsOf,
  pathBehind,
} from './service/index.js';
import { Loops } from './waiting/index.js';
import { WatchingTransactions } from './watching-transactions.js';

const LOGGED_AS = 'IdempotentMqBroker';
/** A transaction of the broker that is silent for so long is that of a process which has died; seconds. */
const IDLE_TIMEOUT_SECONDS = 60;
const NOT_FOUND = '{"error":{"code":"UNKNOWN_OPERATION","message":"There is nothing here."}}';

/** All parts of one instance of the broker service, wired together. */
export class IdempotentMqBrokerRuntime implements Observed {
  readonly logger = new Logger(LOGGED_AS);
  readonly events = new IdempotentMqEvents((error) =>
    this.logger.error(`A subscriber to events$ failed: ${describeError(error)}`),
  );
  /** None: what it does each so often, its sweeper does. */
  readonly loops = new Loops();
  readonly broker: BrokerService;
  readonly operations: IdempotentMqOperations;
  /** The port that it listens on, where it has one of its own. */
  port: number | undefined;
  private readonly side: BrokerSide;
  private readonly watch: LandingWatch;
  private readonly transactions: WatchingTransactions;
  private readonly endpoint: HttpEndpoint;
  private server: HttpServer | undefined;
  private unmount: () => void = () => undefined;
  private closing: Promise<void> | undefined;

  constructor(readonly options: ResolvedBrokerOptions) {
    const { retention, limits, tokens } = options;
    logEvents(this.events, this.logger);
    logRelayEvents(this.events, this.logger);
    logWatchingEvents(this.events, this.logger);
    this.side = new BrokerSide(options.dataSource, {
      options,
      connections: {
        scopeConnections: 0,
        controlConnections: options.connections,
        statementTimeoutMs: options.statementTimeoutMs,
        writeWaitMs: options.writeWaitMs,
        idleTimeoutSeconds: IDLE_TIMEOUT_SECONDS,
      },
      limitsOf: (bytes) => statementLimits(LANDING_ROWS, bytes),
      appIsInMemory: false,
      warn: (message) => this.logger.warn(message),
    });
    this.broker = new BrokerService(this.side.connections, this.events, {
      landing: this.side.limits,
      ...retention,
      sweepIntervalMs: SWEEP_INTERVAL_MS,
      dropDelayMs: DROP_DELAY_MS,
      onSweepError: (error) => this.logger.warn(`The sweeper will try again: ${describeError(error)}`),
    });
    const { connections, name } = this.side;
    const asked = { kind: 'same-database', name, connections, operated: this.broker } as const;
    this.operations = new IdempotentMqOperations({ connections, name, broker: asked, process: undefined });
    this.watch = new LandingWatch(this.broker);
    this.transactions = new WatchingTransactions(this.side.connections, this.events, {
      name: this.side.name,
      onNotAllowed: (line) => this.logger.log(line),
    });
    this.endpoint = new HttpEndpoint({
      operations: operationsOf(this.broker, this.watch),
      tokens,
      body: { maxBytes: limits.bodyBytes, timeoutMs: limits.bodyTimeoutMs },
      maxRequests: limits.requests,
      isReady: () => this.isReady(),
      dialect: this.side.connections.database.dialect,
      describe: () => openApiDocument(options.basePath),
      onFault: (message) => this.logger.error(message),
    });
  }

  /**
   * A database that is away does not keep the service from starting: it says so, and answers when it is there.
   *
   * @throws what is wrong with a database that is there
   */
  async open(): Promise<void> {
    if (await this.side.tryToOpen()) {
      this.logger.log(`The broker's database: ${this.side.name}.`);
    } else {
      this.logger.warn(`The broker's database (${this.side.name}) can't be reached; it is tried again.`);
    }
  }

  /**
   * @param httpServer the app's own; it has none where it is no web application
   * @throws ConfigurationError where it can't listen
   */
  async start(httpServer: Server | undefined): Promise<void> {
    const { listen, basePath, tokens } = this.options;
    const whom = tokens.areNeeded
      ? 'to whoever has a token'
      : 'to programs of this machine (there are no tokens)';
    if (!listen) {
      this.unmount = mountOn(httpServer!, basePath, (request, response, path) =>
        this.endpoint.handle(request, response, path),
      );
      this.logger.log(`Answering below ${basePath}/v1, ${whom}.`);
    } else {
      this.port = await this.listen(listen);
      this.logger.log(`Listening on http://${listen.host}:${this.port}${basePath}, ${whom}.`);
    }
    if (!this.options.sweep) return;
    this.broker.startSweeping();
    this.transactions.start();
  }

  private async listen(at: ListenOptions): Promise<number> {
    const { basePath, limits } = this.options;
    const server = new HttpServer((request, response) => {
      const path = pathBehind(basePath, request.url);
      if (path !== undefined) return this.endpoint.handle(request, response, path);
      response.writeHead(404, { 'content-type': 'application/json' }).end(NOT_FOUND);
    }, limits.bodyTimeoutMs);
    try {
      const port = await server.listen(at);
      this.server = server;
      return port;
    } catch (cause) {
      throw new ConfigurationError(
        `The broker service can't listen on port ${at.port} of ${at.host} (option listen): ${describeError(cause)}. ` +
          'Give it a port that nobody has, and an address of this machine.',
        { cause },
      );
    }
  }

  /** Takes no more requests, answers who waits, and lets what is under way come to its end. May be called again. */
  async stop(): Promise<void> {
    this.server?.stopListening();
    let timer: NodeJS.Timeout | undefined;
    const enough = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, this.options.shutdownTimeoutMs);
    });
    await Promise.race([this.endpoint.stop(), enough]);
    clearTimeout(timer);
  }

  /** May be called again. */
  close(): Promise<void> {
    return (this.closing ??= this.closeParts());
  }

  private async closeParts(): Promise<void> {
    await this.stop();
    this.unmount();
    await this.server?.close();
    await this.watch.stop();
    this.transactions.stop();
    await this.broker.close();
    await this.side.close();
    this.events.close();
  }

  private async isReady(): Promise<boolean> {
    try {
      await this.broker.identify();
      return true;
    } catch {
      return false;
    }
  }
}
