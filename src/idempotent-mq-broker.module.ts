import type { Server } from 'node:http';
import {
  type BeforeApplicationShutdown,
  ConfigurableModuleBuilder,
  type DynamicModule,
  Inject,
  Module,
  type OnApplicationBootstrap,
  type OnApplicationShutdown,
} from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import { BrokerService } from './broker/index.js';
import { ConfigurationError } from './errors/index.js';
import { IdempotentMqEvents } from './events/index.js';
import { type IdempotentMqBrokerOptions, resolveBrokerOptions } from './idempotent-mq-broker.options.js';
import { IdempotentMqOperations } from './operate/index.js';
import { IdempotentMqBrokerRuntime } from './idempotent-mq-broker.runtime.js';
import { getBrokerRuntimeToken } from './idempotent-mq.tokens.js';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<IdempotentMqBrokerOptions>({ moduleName: 'IdempotentMqBroker' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createIdempotentMqBrokerOptions')
    .build();

/**
 * The broker as a service, for many applications that each have a database of their own: over HTTP, on a port of its own or
 * on the HTTP server of the app that it is mounted in. Any number of instances may serve one database.
 */
@Module({
  providers: [
    {
      provide: IdempotentMqBrokerRuntime,
      useFactory: async (options: IdempotentMqBrokerOptions | undefined) => {
        if (!options) {
          throw new ConfigurationError(
            'IdempotentMqBrokerModule is in imports as a plain class. Import IdempotentMqBrokerModule.forRoot({ dataSource: … }).',
          );
        }
        const runtime = new IdempotentMqBrokerRuntime(resolveBrokerOptions(options));
        try {
          await runtime.open();
        } catch (error) {
          await runtime.close();
          throw error;
        }
        return runtime;
      },
      inject: [{ token: MODULE_OPTIONS_TOKEN, optional: true }],
    },
    { provide: getBrokerRuntimeToken(), useExisting: IdempotentMqBrokerRuntime },
    {
      provide: BrokerService,
      useFactory: ({ broker }: IdempotentMqBrokerRuntime) => broker,
      inject: [IdempotentMqBrokerRuntime],
    },
    {
      provide: IdempotentMqEvents,
      useFactory: ({ events }: IdempotentMqBrokerRuntime) => events,
      inject: [IdempotentMqBrokerRuntime],
    },
    {
      provide: IdempotentMqOperations,
      useFactory: ({ operations }: IdempotentMqBrokerRuntime) => operations,
      inject: [IdempotentMqBrokerRuntime],
    },
  ],
  exports: [BrokerService, IdempotentMqEvents, IdempotentMqOperations],
})
export class IdempotentMqBrokerModule
  extends ConfigurableModuleClass
  implements OnApplicationBootstrap, BeforeApplicationShutdown, OnApplicationShutdown
{
  constructor(
    @Inject(IdempotentMqBrokerRuntime) private readonly runtime: IdempotentMqBrokerRuntime,
    @Inject(HttpAdapterHost) private readonly adapters: HttpAdapterHost,
  ) {
    super();
  }

  /** @throws InvalidOptionError, when the app starts, naming the option and what came */
  static override forRoot(options: IdempotentMqBrokerOptions): DynamicModule {
    return super.forRoot(options);
  }

  /** Where it listens, as `broker: { url }` of an app on this machine has it; undefined on the app's own HTTP server. */
  get url(): string | undefined {
    const { port, options } = this.runtime;
    return port === undefined ? undefined : `http://${options.listen!.host}:${port}${options.basePath}`;
  }

  async onApplicationBootstrap(): Promise<void> {
    try {
      await this.start(this.adapters.httpAdapter?.getHttpServer() as Server | undefined);
    } catch (error) {
      // Nest closes nothing of an app that did not start, and the database's connections would keep the process.
      await this.runtime.close();
      throw error;
    }
  }

  private async start(server: Server | undefined): Promise<void> {
    if (!server && !this.runtime.options.listen) {
      throw new ConfigurationError(
        'IdempotentMqBrokerModule has no HTTP server to answer on: this app was made by NestFactory.createApplicationContext(). ' +
          'Make it by NestFactory.create(), or give the service a port of its own: forRoot({ listen: { port: 7788 } }).',
      );
    }
    await this.runtime.start(server);
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.runtime.stop();
  }

  async onApplicationShutdown(): Promise<void> {
    await this.runtime.close();
  }
}
