import {
  ConfigurableModuleBuilder,
  type DynamicModule,
  Inject,
  Module,
  type OnModuleDestroy,
} from '@nestjs/common';
import { ConfigurationError } from '../errors/index.js';
import type { IdempotentMqEvents } from '../events/index.js';
import { getIdempotentMqEventsToken, getIdempotentMqOperationsToken } from '../idempotent-mq.tokens.js';
import type { IdempotentMqOperations } from '../operate/index.js';
import { routesBelow } from './dashboard.controller.js';
import { Dashboard } from './dashboard.js';
import {
  type IdempotentMqDashboardExtras,
  type IdempotentMqDashboardOptions,
  checkExtras,
  resolveDashboardOptions,
} from './dashboard.options.js';

const DEFAULT_PATH = 'idempotent-mq/dashboard';

const { ConfigurableModuleClass, MODULE_OPTIONS_TOKEN } =
  new ConfigurableModuleBuilder<IdempotentMqDashboardOptions>({ moduleName: 'IdempotentMqDashboard' })
    .setClassMethodName('forRoot')
    .setFactoryMethodName('createIdempotentMqDashboardOptions')
    // Every key must be named here: Nest tells the extras from the options by them.
    .setExtras<IdempotentMqDashboardExtras>(
      { guards: [], path: undefined, imports: undefined, name: undefined },
      mounted,
    )
    .build();

/** Nest has all extras optional, and a guard is not. */
const WithOptions = ConfigurableModuleClass as unknown as (new () => object) &
  Record<'forRoot' | 'forRootAsync', (options: never) => DynamicModule>;

/**
 * A page that shows the broker and what is going on in it, live, and on which an operator puts right what went wrong. It is
 * served by the app's own HTTP server, on Express and on Fastify.
 */
@Module({
  providers: [
    {
      // forRoot's own takes its place.
      provide: Dashboard,
      useFactory: () => {
        throw new ConfigurationError(
          'IdempotentMqDashboardModule is in imports as a plain class. Import IdempotentMqDashboardModule.forRoot({ guards: [YourAdminGuard] }).',
        );
      },
    },
  ],
})
export class IdempotentMqDashboardModule extends WithOptions implements OnModuleDestroy {
  constructor(@Inject(Dashboard) private readonly dashboard: Dashboard) {
    super();
  }

  /**
   * @throws ConfigurationError without a guard: nobody would be kept from it
   * @throws InvalidOptionError naming the option and what came; that of a factory when the app starts
   */
  static override forRoot(
    options: IdempotentMqDashboardOptions & IdempotentMqDashboardExtras,
  ): DynamicModule {
    checkExtras(options ?? {});
    return super.forRoot(options as never);
  }

  /**
   * The same with options from a factory: `useFactory` (with `inject`), `useClass` or `useExisting`. `guards`, `path`,
   * `imports` and `name` stand beside it.
   */
  static override forRootAsync(
    options: Parameters<typeof ConfigurableModuleClass.forRootAsync>[0] & IdempotentMqDashboardExtras,
  ): DynamicModule {
    checkExtras(options ?? {});
    return super.forRootAsync(options as never);
  }

  /** The first hook of a shutdown. The app's HTTP server is closed later, and waits for who watches. */
  onModuleDestroy(): void {
    this.dashboard.close();
  }
}

function mounted(definition: DynamicModule, extras: IdempotentMqDashboardExtras): DynamicModule {
  const { guards, path = DEFAULT_PATH, imports = [], name } = extras;
  return {
    ...definition,
    imports: [...(definition.imports ?? []), ...imports],
    controllers: [routesBelow(path, guards)],
    providers: [
      ...(definition.providers ?? []),
      {
        provide: Dashboard,
        useFactory: async (
          options: IdempotentMqDashboardOptions,
          operations?: IdempotentMqOperations,
          events?: IdempotentMqEvents,
        ) => {
          const resolved = resolveDashboardOptions(options);
          if (!operations || !events) return nothingToShow(name);
          return new Dashboard(operations, events, resolved);
        },
        inject: [
          MODULE_OPTIONS_TOKEN,
          ...[getIdempotentMqOperationsToken(name), getIdempotentMqEventsToken(name)].map((token) => ({
            token: token as never,
            optional: true,
          })),
        ],
      },
    ],
  };
}

/** @throws ConfigurationError */
async function nothingToShow(name: string | undefined): Promise<never> {
  // If it is there and could not be made, Nest is about to say why.
  await new Promise((resolve) => setImmediate(resolve));
  throw new ConfigurationError(
    `IdempotentMqDashboardModule finds no IdempotentMqModule${name === undefined ? '' : ` of the name ${name}`}. ` +
      'Import IdempotentMqModule.forRoot({ … }) in the root module. Where it is not global, or the broker is a service of this app ' +
      '(IdempotentMqBrokerModule), keep what its forRoot() returned and give it to both: const broker = IdempotentMqBrokerModule.forRoot({ … }); ' +
      'imports: [broker, IdempotentMqDashboardModule.forRoot({ guards, imports: [broker] })].',
  );
}
