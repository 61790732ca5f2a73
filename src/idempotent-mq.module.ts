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
  discoverConsumers,
} from './consumer/index.js';
import { ConfigurationError } from './errors/index.js';
import { type IdempotentMqOptions, resolveOptions } from './idempotent-mq.options.js';
import { IdempotentMqRuntime } from './idempotent-mq.runtime.js';
import {
  getBrokerServiceToken,
  getIdempotentExecutorToken,
  getIdempotentMqEventsToken,
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

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } = new ConfigurableModuleBuilder<IdempotentMqOptions>({
  moduleName: 'IdempotentMq',
})
  .setClassMethodName('forRoot')
  .setFactoryMethodName('createIdempotentMqOptions')
  .setExtras<IdempotentMqExtras>({}, instanceModule)
  .build();

/** Known within one instance only. */
const EXTRAS = Symbol('IdempotentMqExtras');
const RUNTIME = Symbol('IdempotentMqRuntime');

/** Deliveries that wait behind those being handled, as a multiple of the concurrency, once a handler has shown to be fast. */
const PREFETCH = 3;

/** Wires an instance of the library into an application. */
@Module({})
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
    @Inject(ExternalContextCreator) contexts: ExternalContextCreator,
    @Inject(ModuleRef) moduleRef: ModuleRef,
  ) {
    super();
    const { transport, scenarios, events, options } = runtime;
    const caller = new HandlerCaller(contexts, moduleRef);
    this.consumers = new Consumers(
      transport,
      { ...runtime.scopeDeps(), transport, scenarios, events, caller },
      { pollMs: options.pollMs, maxIsolatedLosses: options.maxLostLeases, prefetch: PREFETCH },
    );
  }

  /** @throws ConfigurationError when consumers don't fit together */
  onModuleInit(): void {
    const { options } = this.runtime;
    if (!options.roles.consume) return;
    this.discovered = discoverConsumers(this.discovery, this.scanner, this.extras.name, options.consumers);
    if (this.discovered.length > 0 && options.leaveDataSourceAlone) {
      throw new ConfigurationError(
        `${this.discovered[0]!.name} can't be run on a better-sqlite3 DataSource that is left as TypeORM made it (sqlite.leaveDataSourceAlone): ` +
          'concurrent transactions would mix on its one connection. Leave that option out, or set roles: { consume: false }.',
      );
    }
  }

  async onApplicationBootstrap(): Promise<void> {
    await this.consumers.start(this.discovered);
    if (this.runtime.options.roles.sweep) this.runtime.broker.startSweeping();
  }

  /** Before the app's DataSource is closed, which Nest does in onApplicationShutdown. */
  async beforeApplicationShutdown(): Promise<void> {
    await this.consumers.stop(this.runtime.options.shutdownTimeoutMs);
  }

  async onApplicationShutdown(): Promise<void> {
    await this.runtime.close();
  }
}

function instanceModule(definition: DynamicModule, extras: IdempotentMqExtras): DynamicModule {
  const { name, isGlobal = true } = extras;
  if (name !== undefined) checkName('forRoot({ name })', name);
  const part = (provide: Provider & object, pick: (runtime: IdempotentMqRuntime) => unknown): Provider => ({
    provide: provide as never,
    useFactory: pick,
    inject: [RUNTIME],
  });
  const parts = [
    part(getOutboxPublisherToken(name) as never, ({ publisher }) => publisher),
    part(getBrokerServiceToken(name) as never, ({ broker }) => broker),
    part(getIdempotentExecutorToken(name) as never, ({ executor }) => executor),
    part(getIdempotentMqEventsToken(name) as never, ({ events }) => events),
  ];
  return {
    ...definition,
    global: isGlobal,
    imports: [...(definition.imports ?? []), DiscoveryModule],
    providers: [
      ...(definition.providers ?? []),
      { provide: EXTRAS, useValue: extras },
      {
        provide: RUNTIME,
        useFactory: (options: IdempotentMqOptions, dataSource: DataSource) =>
          IdempotentMqRuntime.open(dataSource, resolveOptions(options, dataSource)),
        inject: [MODULE_OPTIONS_TOKEN, getDataSourceToken(extras.dataSource)],
      },
      ...parts,
    ],
    exports: parts.map((provider) => (provider as { provide: symbol }).provide),
  };
}
