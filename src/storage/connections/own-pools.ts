import type { DataSource, DataSourceOptions, QueryRunner } from 'typeorm';
import type { ServerConnectionsOptions, ServerDriver } from './server-driver.js';

/** Pools of the library's own, made from the options of the app's DataSource. */

/** The DataSource's own way to make runners, whatever it is given later. */
export function ownRunners(dataSource: DataSource): () => QueryRunner {
  const createQueryRunner = dataSource.driver.createQueryRunner.bind(dataSource.driver);
  return () => {
    const runner = createQueryRunner('master');
    return Object.assign(runner, { manager: dataSource.createEntityManager(runner) });
  };
}

/**
 * A handler finds this DataSource in its manager (`manager.dataSource`, a lazy relation). Whatever it begins there, it
 * begins on the app's: never on a connection of this pool, which doesn't commit by itself.
 */
export function leadToApp(scopes: DataSource, app: DataSource): void {
  scopes.driver.createQueryRunner = (mode) => app.driver.createQueryRunner(mode);
}

function ownOptions(
  app: DataSource,
  driver: ServerDriver,
  pool: { connections: number; idleTimeoutSeconds: number },
): DataSourceOptions {
  const { extra } = app.options as { extra?: object };
  return {
    ...app.options,
    ...driver.ownOptions,
    synchronize: false,
    dropSchema: false,
    migrations: [],
    migrationsRun: false,
    subscribers: [],
    poolSize: pool.connections,
    extra: { ...extra, ...driver.poolExtra(pool) },
  } as DataSourceOptions;
}

/** Handlers find their entities here. */
export function scopeOptions(
  app: DataSource,
  driver: ServerDriver,
  { scopeConnections, idleTimeoutSeconds }: ServerConnectionsOptions,
): DataSourceOptions {
  return ownOptions(app, driver, { connections: 2 * scopeConnections, idleTimeoutSeconds });
}

/** Between two statements of one transaction no time passes, unless the process does nothing at all. */
export function controlIdleSeconds({ statementTimeoutMs }: ServerConnectionsOptions): number {
  return Math.max(2, Math.ceil(statementTimeoutMs / 1000));
}

export function controlOptions(
  app: DataSource,
  driver: ServerDriver,
  options: ServerConnectionsOptions,
): DataSourceOptions {
  const connections = options.controlConnections + (driver.listens ? 1 : 0);
  const own = ownOptions(app, driver, { connections, idleTimeoutSeconds: controlIdleSeconds(options) });
  return {
    ...own,
    entities: [],
    cache: false,
    // Not the statements: an idle worker asks several times a second.
    logging: app.options.logging ? ['error', 'warn'] : false,
    extra: { ...(own as { extra: object }).extra, ...driver.controlExtra },
  };
}
