import { Logger } from '@nestjs/common';
import type { DataSource } from 'typeorm';
import { BrokerService } from './broker/index.js';
import { DROP_DELAY_MS, LANDING_ROWS, SWEEP_INTERVAL_MS, statementLimits } from './broker-settings.js';
import { BrokerOnEngine, operatedEngine } from './broker-by-engine.js';
import { BrokerOverHttp, remoteBroker } from './broker-over-http.js';
import { BrokerSide, checkDatabase, isInMemory } from './broker-side.js';
import {
  ContractWatch,
  DedupWatch,
  Forgetting,
  type HandlerCaller,
  IdempotentExecutor,
  ScenarioSources,
  Scenarios,
  WorksUnderWay,
  ownRetention,
  keepExecutorRows,
} from './consumer/index.js';
import { ConfigurationError, InvalidOptionError, NotDurableError, describeError } from './errors/index.js';
import { IdempotentMqEvents } from './events/index.js';
import type { ResolvedOptions } from './idempotent-mq.options.js';
import { isByEngine, isByUrl } from './options/broker.options.js';
import { logEvents } from './log-events.js';
import { tellOfLeftBehind } from './left-behind.js';
import { logRelayEvents } from './log-relay-events.js';
import { logWatchingEvents } from './log-watching-events.js';
import type { Observed } from './observing/index.js';
import { IdempotentMqOperations, type ProcessStatus } from './operate/index.js';
import { Outbox, OutboxClaims, OutboxPublisher, Relay, WatchingUnrelayed } from './publisher/index.js';
import {
  type LibraryConnections,
  type ScopeDelivery,
  databaseOf,
  findProblemsOfLeftAlone,
  makeSqliteSafe,
  migrate,
  nameOfDatabase,
  openConnections,
} from './storage/index.js';
import { ambiguousTopicNames, definedTopicNames } from './topic/index.js';
import { GuardedTracing } from './tracing/index.js';
import { refuseOuterUse } from './transaction/index.js';
import type { EngineTransport } from './transport/engine/engine.transport.js';
import { localTransport } from './transport/local.transport.js';
import { methodsOf, withinTime } from './transport/within-time.js';
import type { Transport } from './transport/port.js';
import { Loops } from './waiting/index.js';
import { WatchingTransactions } from './watching-transactions.js';

const LOGGED_AS = 'IdempotentMq';
/** A message of an outbox needs eight, if it has an ordering key. */
const OUTBOX_ROWS = 4_000;
/** What is forgotten has been there for days, and each time all that is unfinished is looked at. */
const FORGET_INTERVAL_MS = 600_000;
/** Claims, ACKs, renewals, the relay and the sweeper may each be at work; the statements are short. */
const CONTROL_CONNECTIONS = 5;

/** All parts of one module instance, wired together. */
export class IdempotentMqRuntime implements Observed {
  readonly logger = new Logger(LOGGED_AS);
  readonly events: IdempotentMqEvents;
  /** What goes round here: relay and workers. */
  readonly loops = new Loops();
  /** Undefined where it is a service of its own. With an engine in its place, it has what was set aside. */
  readonly broker: BrokerService | undefined;
  /** The same for an operator, wherever it is. */
  readonly operated: BrokerService;
  readonly transport: Transport;
  private readonly overEngine: EngineTransport | undefined;
  readonly publisher: OutboxPublisher;
  /** Set when the broker has a database of its own. */
  readonly outbox: Outbox | undefined;
  readonly relay: Relay | undefined;
  /** Where the outbox is another process's to relay. */
  readonly unrelayed: WatchingUnrelayed | undefined;
  readonly executor: IdempotentExecutor;
  /** Hears of what came, or failed, when nobody waited for it any more; and of whose it was. */
  readonly onStray: (error: Error, delivery?: ScopeDelivery) => void = (error) =>
    this.logger.error(error.message, error.stack);
  readonly executing = new WorksUnderWay();
  readonly scenarios: Scenarios;
  readonly sources: ScenarioSources;
  readonly contracts: ContractWatch;
  readonly dedups: DedupWatch;
  readonly tracing: GuardedTracing | undefined;
  readonly forgetting: Forgetting;
  readonly operations: IdempotentMqOperations;
  /** The handlers that were started. */
  readonly consuming: ProcessStatus['consuming'] = [];
  /** One for each database: that of this app, and the broker's, if it is another one. */
  readonly watching: readonly WatchingTransactions[];
  private closing: Promise<void> | undefined;

  private constructor(
    readonly dataSource: DataSource,
    readonly options: ResolvedOptions,
    readonly connections: LibraryConnections,
    packetBytes: number,
    private readonly away: BrokerAway,
    /** Calls the app's handlers. */
    readonly caller: HandlerCaller,
    name: string | undefined,
  ) {
    this.events = new IdempotentMqEvents(
      (error) => this.logger.error(`A subscriber to events$ failed: ${describeError(error)}`),
      name,
    );
    logEvents(this.events, this.logger);
    logRelayEvents(this.events, this.logger);
    logWatchingEvents(this.events, this.logger);
    this.tracing =
      options.tracing &&
      new GuardedTracing(options.tracing, (error) =>
        this.logger.warn(`The option tracing failed; messages go on without: ${describeError(error)}`),
      );
    const { brokerSide, service, engine } = away;
    const apart = brokerSide ?? service ?? engine;
    this.broker = service
      ? undefined
      : new BrokerService(
          brokerSide?.connections ?? connections,
          this.events,
          {
            landing: brokerSide?.limits ?? statementLimits(LANDING_ROWS, packetBytes),
            unroutedMs: options.unroutedMs,
            innerMsgIdWindowMs: options.innerMsgIdWindowMs,
            deadLetterMs: options.deadLetterMs,
            quarantineMs: options.quarantineMs,
            sweepIntervalMs: SWEEP_INTERVAL_MS,
            dropDelayMs: DROP_DELAY_MS,
            onSweepError: (error) => this.logger.warn(`The sweeper will try again: ${describeError(error)}`),
          },
          apart ? undefined : dataSource,
        );
    this.operated = !this.broker
      ? remoteBroker(service!)
      : engine
        ? operatedEngine(this.broker, engine)
        : this.broker;
    const { through } = options.broker ?? {};
    this.overEngine = engine?.transport(this.broker!, options.innerMsgIdWindowMs);
    const nearest = this.overEngine ?? (this.broker ? localTransport(this.broker) : service!.transport);
    this.transport = through ? throughOwn(through, nearest, options) : nearest;
    if (apart) {
      const outbox = new Outbox(
        dataSource,
        connections,
        this.events,
        statementLimits(OUTBOX_ROWS, packetBytes),
      );
      if (!options.roles.relay) this.unrelayed = new WatchingUnrelayed(connections, this.events);
      const claims = new OutboxClaims(connections, this.events);
      this.outbox = outbox;
      const { tracing } = this;
      this.relay = new Relay(
        claims,
        this.transport,
        this.events,
        { ...options.relay, tracing },
        (listener) => outbox.onCommitted(listener),
        this.loops,
      );
    }
    const keptFor = (kind: 'consumer' | 'executor') => (name: string) =>
      ownRetention(options.retention, name, kind);
    this.scenarios = new Scenarios(connections, 'unknown', keptFor('consumer'));
    this.sources = new ScenarioSources(connections, this.transport, this.scenarios);
    this.contracts = new ContractWatch(connections, this.scenarios, this.events);
    this.dedups = new DedupWatch(connections, this.events);
    this.forgetting = new Forgetting({
      connections,
      transport: this.transport,
      events: this.events,
      retention: options.retention,
      intervalMs: FORGET_INTERVAL_MS,
      onError: (error) => this.logger.warn(`Forgetting will be tried again: ${describeError(error)}`),
    });
    this.operations = new IdempotentMqOperations({
      connections,
      name: nameOfDatabase(dataSource),
      broker: {
        kind: engine ? 'engine' : service ? 'service' : brokerSide ? 'own-database' : 'same-database',
        name: apart?.name ?? nameOfDatabase(dataSource),
        connections: this.brokerConnections,
        operated: this.operated,
      },
      process: () => ({ relaying: this.relay?.isRunning, consuming: [...this.consuming] }),
    });
    this.watching = [
      { name: nameOfDatabase(dataSource), connections },
      ...(brokerSide ? [brokerSide] : []),
    ].map(
      ({ name, connections: watched }) =>
        new WatchingTransactions(watched, this.events, {
          name,
          onNotAllowed: (line) => this.logger.log(line),
        }),
    );
    this.publisher = new OutboxPublisher(this.outbox ?? this.transport.colocated!, {
      dataSource,
      limits: options.payload,
      currentManager: options.currentManager,
      unordered: this.transport.capabilities.ordersKeys ? undefined : apart!.name,
      toOutbox: this.outbox !== undefined,
      tracing: this.tracing,
    });
    this.executor = new IdempotentExecutor({
      ...this.scopeDeps(),
      scenarios: new Scenarios(connections, 'executor', keptFor('executor')),
      timeoutMs: options.consumers.timeoutMs,
      works: this.executing,
      events: this.events,
    });
  }

  /**
   * Opens the library's connections and registers the topics. It runs when Nest makes the providers: the app's own
   * onModuleInit may publish already.
   */
  static async open(
    dataSource: DataSource,
    options: ResolvedOptions,
    caller: HandlerCaller,
    name?: string,
  ): Promise<IdempotentMqRuntime> {
    const database = databaseOf(dataSource, options.tablePrefix);
    if (database.dialect.engine === 'sqlite' && !options.leaveDataSourceAlone) {
      makeSqliteSafe(dataSource, { writeWaitMs: options.writeWaitMs });
    }
    if (options.schema === 'ensure') await migrate(dataSource, options.tablePrefix);
    const connections = await openConnections(dataSource, database, connectionsOptions(options));
    let away: BrokerAway = {};
    try {
      const logger = new Logger(LOGGED_AS);
      const { problems, packetBytes } = await checkDatabase(connections, {
        app: options.appPoolSize,
        scopes: options.connections,
        control: CONTROL_CONNECTIONS,
      });
      if (options.leaveDataSourceAlone) problems.push(...(await findProblemsOfLeftAlone(dataSource)));
      if (problems.length > 0) {
        if (options.durability === 'require') throw new NotDurableError(problems);
        logger.warn(new NotDurableError(problems, { isAccepted: true }).message);
      }
      if (isByUrl(options.broker))
        away = { service: new BrokerOverHttp(options.broker, options.relay.ackTimeoutMs) };
      else if (isByEngine(options.broker))
        away = { engine: new BrokerOnEngine(options.broker, (line) => logger.warn(line)) };
      else if (options.broker) {
        const brokerSide = new BrokerSide(options.broker.dataSource, {
          options,
          connections: connectionsOptions(options),
          limitsOf: (bytes) => statementLimits(LANDING_ROWS, bytes),
          appIsInMemory: isInMemory(dataSource),
          warn: (message) => logger.warn(message),
        });
        away = { brokerSide };
      }
      const apart = away.brokerSide ?? away.service ?? away.engine;
      refuseOtherBrokerOf(dataSource, options.tablePrefix, apart);
      const brokerIsThere = (await apart?.tryToOpen()) ?? true;
      const runtime = new IdempotentMqRuntime(
        dataSource,
        options,
        connections,
        packetBytes,
        away,
        caller,
        name,
      );
      await runtime.tellWhereItIs(brokerIsThere);
      // A broker that comes later learns of topics from what is sent, and from who subscribes. So does a service.
      if (brokerIsThere || away.engine) {
        await runtime.broker?.registerTopics([
          ...definedTopicNames(),
          ...options.topics.map(({ name }) => name),
        ]);
      }
      for (const name of ambiguousTopicNames()) runtime.logger.warn(ambiguous(name));
      await keepExecutorRows(connections, options.retention);
      refuseOuterUse(dataSource);
      return runtime;
    } catch (error) {
      await away.brokerSide?.close();
      await away.service?.close();
      await away.engine?.engine.close();
      await connections.close();
      throw error;
    }
  }

  /** The first thing that somebody wants to know who looks for a message. */
  private async tellWhereItIs(brokerIsThere: boolean): Promise<void> {
    const { connections, dataSource, logger, options } = this;
    const { brokerSide, service, engine } = this.away;
    const apart = brokerSide ?? service ?? engine;
    const own = nameOfDatabase(dataSource);
    const tables = `tables ${connections.database.tableNames.message.replace(/message$/, '*')}`;
    const roles = Object.entries(options.roles).filter(
      ([role, isOn]) => isOn && (role !== 'relay' || apart) && (role !== 'sweep' || !service),
    );
    const doing =
      roles.length > 0 ? `Roles: ${roles.map(([role]) => role).join(', ')}.` : 'It only publishes.';
    logger.log(
      apart
        ? `The broker ${engine ? 'is an engine of its own' : service ? 'is a service' : 'has a database of its own'}: ${apart.name}. Outbox and dedup log: ${own}, ${tables}. ${doing}`
        : `The broker's tables are in this app's database: ${own}, ${tables}. ${doing}`,
    );
    if (!brokerIsThere) {
      logger.warn(
        `The broker${brokerSide ? "'s database" : ''} (${apart!.name}) can't be reached. What is published waits in the outbox; relays and consumers begin when it is there.`,
      );
    }
    // With an engine, the broker's tables have what was set aside.
    if (engine) return;
    const broker = apart && (brokerIsThere && brokerSide ? brokerSide.connections : 'away');
    for (const warning of await tellOfLeftBehind({ own: connections, name: own, broker }))
      logger.warn(warning);
  }

  /** Those of the broker's database; undefined: the broker is a service. */
  get brokerConnections(): LibraryConnections | undefined {
    const { brokerSide, service } = this.away;
    return service ? undefined : (brokerSide?.connections ?? this.connections);
  }

  /** The server must not end a transaction whose consumer may be silent for longer than the module's own lease. */
  allowLeases(leasesMs: readonly number[]): void {
    for (const leaseMs of leasesMs) this.connections.allowSilence(silenceSeconds(leaseMs));
  }

  /** What scopes need, and where they report. */
  scopeDeps() {
    return {
      dataSource: this.dataSource,
      connections: this.connections,
      statementTimeoutMs: this.options.statementTimeoutMs,
      onStray: (error: Error, delivery?: ScopeDelivery) => this.onStray(error, delivery),
    };
  }

  /** May be called again. */
  close(): Promise<void> {
    return (this.closing ??= this.closeParts());
  }

  private async closeParts(): Promise<void> {
    await this.executing.close();
    await this.relay?.stop(0);
    this.unrelayed?.stop();
    for (const watching of this.watching) watching.stop();
    this.outbox?.close();
    await this.forgetting.stop();
    await this.overEngine?.close();
    await this.broker?.close();
    const { brokerSide, service, engine } = this.away;
    await brokerSide?.close();
    await service?.close();
    // Whoever comes to this DataSource later may name another one.
    if (brokerSide ?? service ?? engine) brokersOf.get(this.dataSource)?.delete(this.options.tablePrefix);
    await this.connections.close();
    this.events.close();
  }
}

/**
 * A broker as somebody's own code reaches it. It may never answer: neither a worker nor a shutdown waits for that.
 *
 * @throws InvalidOptionError when that is no transport
 */
function throughOwn(
  through: (broker: Transport) => Transport,
  local: Transport,
  { statementTimeoutMs }: ResolvedOptions,
): Transport {
  const own: unknown = through(local);
  const methods = methodsOf(local);
  const missing = methods.filter(
    (method) => typeof (own as Record<string, unknown> | null | undefined)?.[method] !== 'function',
  );
  if (missing.length > 0) {
    throw new InvalidOptionError(
      'broker.through',
      through,
      `a function that returns a transport, not a promise of one, such as (broker) => ({ ...broker, send: … }); what it returned lacks ${missing.join(', ')}`,
    );
  }
  return withinTime(own as Transport, methods, 2 * statementTimeoutMs);
}

/** Where the broker is, if it is not in the app's own database. */
interface BrokerAway {
  brokerSide?: BrokerSide;
  service?: BrokerOverHttp;
  engine?: BrokerOnEngine;
}

/** The names of brokers, by DataSource and by prefix of the tables of an outbox. */
const brokersOf = new WeakMap<DataSource, Map<string, string>>();

/** @throws ConfigurationError when another instance has the same outbox, and would send what is published here */
function refuseOtherBrokerOf(
  dataSource: DataSource,
  prefix: string,
  apart: { name: string } | undefined,
): void {
  if (!apart) return;
  const brokers = brokersOf.get(dataSource) ?? new Map<string, string>();
  const other = brokers.get(prefix);
  if (other !== undefined && other !== apart.name) {
    throw new ConfigurationError(
      `Two instances on one DataSource name different brokers (${other} and ${apart.name}), and would have one outbox: what is published by the one would be sent to the broker of the other. ` +
        'Give each a tablePrefix of its own.',
    );
  }
  brokersOf.set(dataSource, brokers.set(prefix, apart.name));
}

function ambiguous(topic: string): string {
  return (
    `Topic ${topic} is defined more than once in this process, with bizId functions that differ. ` +
    'Which of them counts depends on who publishes: define it once, in the contract, and import it from there.'
  );
}

function connectionsOptions({ connections, consumers, statementTimeoutMs, writeWaitMs }: ResolvedOptions) {
  return {
    scopeConnections: connections,
    controlConnections: CONTROL_CONNECTIONS,
    statementTimeoutMs,
    writeWaitMs,
    idleTimeoutSeconds: silenceSeconds(consumers.leaseMs),
  };
}

/** Two leases: within one of them a handler's connection is always pinged. */
function silenceSeconds(leaseMs: number): number {
  return Math.max(2, Math.ceil((2 * leaseMs) / 1000));
}
