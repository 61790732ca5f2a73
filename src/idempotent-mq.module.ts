import {
  type BeforeApplicationShutdown,
  ConfigurableModuleBuilder,
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
  type OnModuleInit,
  type Provider,
} from '@nestjs/common';
import {
  DiscoveryModule,
  DiscoveryService,
  ExternalContextCreator,
  MetadataScanner,
  ModuleRef,
} from '@nestjs/core';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import {
  Consumers,
  type DiscoveredConsumer,
  HandlerCaller,
  checkName,
  checkSeats,
  discoverConsumers,
  tellOfShortLeases,
} from './consumer/index.js';
import { ConfigurationError, InvalidOptionError } from './errors/index.js';
import { type IdempotentMqOptions, resolveOptions } from './idempotent-mq.options.js';
import { BESIDE_THE_FACTORY } from './options/known-keys.js';
import { IdempotentMqRuntime } from './idempotent-mq.runtime.js';
import {
  getBrokerServiceToken,
  getForgettingToken,
  getIdempotentExecutorToken,
  getIdempotentMqEventsToken,
  getIdempotentMqOperationsToken,
  getRuntimeToken,
} from './idempotent-mq.tokens.js';
import { getOutboxPublisherToken } from './publisher/index.js';

/** What decides which providers there are, so it can't come from a factory. */
export interface IdempotentMqExtras {
  /** Makes the providers known in every module. @default true */
  isGlobal?: boolean;
  /** Tells instances apart: inject with `@InjectOutboxPublisher(name)`, consume with `{ instance: name }`. */
  name?: string;
  /** The name of the app's DataSource (`TypeOrmModule.forRoot({ name })`). @default the one without a name */
  dataSource?: string;
}

const FACTORY_METHOD = 'createIdempotentMqOptions';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<IdempotentMqOptions>({
  moduleName: 'IdempotentMq',
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName(FACTORY_METHOD)
  // Every key must be named here: Nest tells the extras from the options by them.
  .setExtras<IdempotentMqExtras>({ isGlobal: true, name: undefined, dataSource: undefined }, instanceModule)
  .build();

/** Each instance has its own; together they tell which instances there are. */
const EXTRAS = Symbol.for('nestjs-idempotent-mq:extras');
/** Known within one instance only. */
const RUNTIME = Symbol('IdempotentMqRuntime');

/** Deliveries that wait behind those being handled, as a multiple of the concurrency, once a handler has shown to be fast. */
const PREFETCH = 3;

const notSetUp = () => {
  throw new ConfigurationError(
    'IdempotentMqModule is in imports as a plain class. Import IdempotentMqModule.forRoot({ … }) or forRootAsync({ … }) in the root module, once; ' +
      'its providers are global, so other modules need not import it.',
  );
};

/** Wires an instance of the library into an application. */
@Module({
  imports: [DiscoveryModule],
  // forRoot's own take their place.
  providers: [EXTRAS, RUNTIME].map((provide) => ({ provide, useFactory: notSetUp })),
})
export class IdempotentMqModule
  extends ConfigurableModuleClass
  implements OnModuleInit, OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  private readonly consumers: Consumers;
  private discovered: DiscoveredConsumer[] = [];

  constructor(
    @Inject(EXTRAS) private readonly extras: IdempotentMqExtras,
    @Inject(RUNTIME) private readonly runtime: IdempotentMqRuntime,
    @Inject(DiscoveryService) private readonly discovery: DiscoveryService,
    @Inject(MetadataScanner) private readonly scanner: MetadataScanner,
  ) {
    super();
    const { transport, scenarios, sources, contracts, dedups, events, options, caller, tracing } = runtime;
    this.consumers = new Consumers(
      transport,
      { ...runtime.scopeDeps(), transport, scenarios, sources, contracts, dedups, events, caller, tracing },
      {
        pollMs: options.pollMs,
        busyPollMs: options.busyPollMs,
        maxLostLeases: options.maxLostLeases,
        prefetch: PREFETCH,
        warn: (message) => runtime.logger.warn(message),
        loops: runtime.loops,
      },
    );
  }

  /**
   * Registers an instance. Without options, all have their defaults: the tables must be there.
   *
   * @throws InvalidOptionError naming the option and what came
   */
  static override forRoot(options: IdempotentMqOptions & IdempotentMqExtras = {}): DynamicModule {
    checkObject('forRoot(options)', options);
    return super.forRoot(options);
  }

  /**
   * The same with options from a factory: `useFactory` (with `inject`), or a class that has `createIdempotentMqOptions()`,
   * made for it (`useClass`) or there already (`useExisting`). `name`, `dataSource` and `isGlobal` stand beside it.
   *
   * @throws InvalidOptionError naming the option and what came
   */
  static override forRootAsync(
    options: Parameters<typeof ConfigurableModuleClass.forRootAsync>[0],
  ): DynamicModule {
    checkAsyncOptions(options);
    return super.forRootAsync(options);
  }

  /** @throws ConfigurationError when instances or consumers don't fit together */
  onModuleInit(): void {
    const { options, connections } = this.runtime;
    const instances = this.instancesOfApp();
    if (!options.roles.consume) return;
    const { name } = this.extras;
    this.discovered = discoverConsumers(this.discovery, this.scanner, { name, instances }, options.consumers);
    this.runtime.allowLeases(this.discovered.map(({ settings }) => settings.leaseMs));
    if (this.discovered.length > 0 && options.leaveDataSourceAlone) {
      throw new ConfigurationError(
        `${this.discovered[0]!.name} can't be run on a better-sqlite3 DataSource that is left as TypeORM made it (sqlite.leaveDataSourceAlone): ` +
          'concurrent transactions would mix on its one connection. Leave that option out, or set roles: { consume: false }.',
      );
    }
    const isSqlite = connections.database.dialect.engine === 'sqlite';
    if (!isSqlite) checkSeats(this.discovered, options.connections);
    const renewalMayTake = isSqlite
      ? { option: 'sqlite.writeWaitMs', ms: options.writeWaitMs }
      : { option: 'statementTimeoutMs', ms: options.statementTimeoutMs };
    const warning = tellOfShortLeases(this.discovered, renewalMayTake);
    if (warning) this.runtime.logger.warn(warning);
  }

  /** The names of all instances: no two of them the same, or providers and consumers would belong to both. */
  private instancesOfApp(): ReadonlySet<string | undefined> {
    const names = new Set<string | undefined>();
    for (const { token, instance } of this.discovery.getProviders()) {
      if (token !== EXTRAS) continue;
      const { name } = instance as IdempotentMqExtras;
      if (names.has(name)) {
        throw new ConfigurationError(
          `IdempotentMqModule is registered twice ${name === undefined ? 'without a name' : `with the name ${name}`}. ` +
            'Register it once, in the root module, or give each instance a name of its own: forRoot({ name }).',
        );
      }
      names.add(name);
    }
    return names;
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.consumers.start(this.discovered);
    this.runtime.consuming.push(
      ...this.discovered.map(({ name, topic, options }) => ({
        handler: name,
        topic: topic.name,
        group: options.group,
      })),
    );
    const { broker, forgetting, options, relay, watching } = this.runtime;
    if (options.roles.relay) relay?.start();
    this.runtime.unrelayed?.start();
    if (!options.roles.sweep) return;
    broker?.startSweeping();
    forgetting.start();
    for (const each of watching) each.start();
  }

  /** Before the app's DataSource is closed, which Nest does in onApplicationShutdown. */
  async beforeApplicationShutdown(): Promise<void> {
    const { executing, options, relay } = this.runtime;
    await Promise.all([
      relay?.stop(options.shutdownTimeoutMs),
      this.consumers.stop(options.shutdownTimeoutMs),
      executing.stop(options.shutdownTimeoutMs),
    ]);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.runtime.close();
  }
}

const FACTORIES = ['useFactory', 'useClass', 'useExisting'] as const;
const ASYNC_OPTIONS: readonly string[] = [
  ...FACTORIES,
  'inject',
  'imports',
  'provideInjectionTokensFrom',
  ...BESIDE_THE_FACTORY,
];

/** Nest takes a Date, an array or a number for no options at all. */
function checkObject(option: string, value: unknown): asserts value is object {
  const isOne = Object.prototype.toString.call(value) === '[object Object]';
  if (!isOne) throw new InvalidOptionError(option, value, 'an object');
}

function checkAsyncOptions(options: unknown): void {
  checkObject('forRootAsync(options)', options);
  const given = options as Record<string, unknown>;
  const stray = Object.keys(given).find((key) => !ASYNC_OPTIONS.includes(key));
  if (stray !== undefined) {
    const expected = `left out here: what the factory returns has the options. Beside it there may be ${ASYNC_OPTIONS.join(', ')}`;
    throw new InvalidOptionError(`forRootAsync({ ${stray} })`, given[stray], expected);
  }
  const factories = FACTORIES.filter((key) => given[key] !== undefined);
  const [factory] = factories;
  if (factory === undefined || factories.length > 1) {
    const expected = `an object with one of ${FACTORIES.join(', ')}`;
    throw new InvalidOptionError('forRootAsync(options)', options, expected);
  }
  const value = given[factory];
  if (factory === 'useFactory') {
    if (typeof value === 'function') return;
    const expected = 'a function that returns the options, or a promise of them';
    throw new InvalidOptionError('forRootAsync({ useFactory })', value, expected);
  }
  // An existing provider may be known by another token than its class, or made by somebody else.
  if (factory === 'useExisting' && value !== null) return;
  const { prototype } = (value ?? {}) as { prototype?: Record<string, unknown> };
  if (typeof prototype?.[FACTORY_METHOD] !== 'function') {
    const expected = `a class with the method ${FACTORY_METHOD}()`;
    throw new InvalidOptionError(`forRootAsync({ ${factory} })`, value, expected);
  }
}

function instanceModule(definition: DynamicModule, extras: IdempotentMqExtras): DynamicModule {
  const { name, isGlobal = true } = extras;
  if (name !== undefined) checkName('forRoot({ name })', name);
  if (typeof isGlobal !== 'boolean')
    throw new InvalidOptionError('forRoot({ isGlobal })', isGlobal, 'a boolean');
  if (
    extras.dataSource !== undefined &&
    (typeof extras.dataSource !== 'string' || extras.dataSource === '')
  ) {
    throw new InvalidOptionError(
      'forRoot({ dataSource })',
      extras.dataSource,
      'the name of a DataSource, TypeOrmModule.forRoot({ name }), or left out for the one without a name',
    );
  }
  const part = (provide: Provider & object, pick: (runtime: IdempotentMqRuntime) => unknown): Provider => ({
    provide: provide as never,
    useFactory: pick,
    inject: [RUNTIME],
  });
  const parts = [
    part(getOutboxPublisherToken(name) as never, ({ publisher }) => publisher),
    part(getBrokerServiceToken(name) as never, ({ operated }) => operated),
    part(getForgettingToken(name) as never, ({ forgetting }) => forgetting),
    part(getIdempotentExecutorToken(name) as never, ({ executor }) => executor),
    part(getIdempotentMqEventsToken(name) as never, ({ events }) => events),
    part(getIdempotentMqOperationsToken(name) as never, ({ operations }) => operations),
  ];
  return {
    ...definition,
    global: isGlobal,
    providers: [
      ...(definition.providers ?? []),
      { provide: EXTRAS, useValue: extras },
      {
        provide: RUNTIME,
        useFactory: async (
          options: IdempotentMqOptions,
          discovery: DiscoveryService,
          contexts: ExternalContextCreator,
          moduleRef: ModuleRef,
          found?: DataSource,
        ) => {
          const dataSource = found ?? (await missingDataSource(discovery, extras.dataSource));
          const caller = new HandlerCaller(contexts, moduleRef);
          return IdempotentMqRuntime.open(dataSource, resolveOptions(options, dataSource), caller, name);
        },
        inject: [
          MODULE_OPTIONS_TOKEN,
          DiscoveryService,
          ExternalContextCreator,
          ModuleRef,
          { token: getDataSourceToken(extras.dataSource) as never, optional: true },
        ],
      },
      ...parts,
      part(getRuntimeToken(name) as never, (runtime) => runtime),
    ],
    exports: parts.map((provider) => (provider as { provide: symbol }).provide),
  };
}

/** @throws ConfigurationError naming the DataSources that there are */
async function missingDataSource(discovery: DiscoveryService, name: string | undefined): Promise<never> {
  // If it is there and could not be made, Nest is about to say why.
  await new Promise((resolve) => setImmediate(resolve));
  const names = discovery
    .getProviders()
    .map(({ token }) =>
      token === getDataSourceToken() ? 'one without a name' : /^(.+)DataSource$/.exec(String(token))?.[1],
    )
    .filter((known) => known !== undefined);
  const wanted = name === undefined ? 'The DataSource without a name' : `The DataSource ${name}`;
  const there = names.length > 0 ? [...new Set(names)].join(', ') : 'none';
  throw new ConfigurationError(
    `${wanted} could not be had (this app has: ${there}). IdempotentMqModule works on a DataSource of @nestjs/typeorm: ` +
      'import TypeOrmModule.forRoot({ … }) beside it, and give { dataSource } the name that TypeOrmModule.forRoot({ name }) has.',
  );
}
