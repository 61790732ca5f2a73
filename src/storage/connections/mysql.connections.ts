import { setTimeout as pause } from 'node:timers/promises';
import { DataSource, type DataSourceOptions, type QueryRunner } from 'typeorm';
import { StatementTimeoutError } from '../../errors/index.js';
import type { Connection } from '../execute.js';
import { begin, commit, consumerSession, controlSession, rollback } from '../statements/index.js';
import type { Database } from '../tables.js';
import { standFor } from './app-data-source.js';
import { withDeadline } from './deadline.js';
import type { LibraryConnections, ScopeRequest, ScopeRunner } from './library-connections.js';
import { Seats } from './seats.js';

export interface MysqlConnectionsOptions {
  /** Connections on which handlers run, and as many again for executors. */
  scopeConnections: number;
  /** Connections for claims, ACKs and renewals. */
  controlConnections: number;
  statementTimeoutMs: number;
  /** The server ends the transaction of a process that fell silent for this long. */
  idleTimeoutSeconds: number;
}

const CONTENTION_RETRIES = 10;
/** In milliseconds. mysql2 says goodbye to each connection, and waits until it is gone. */
const CLOSING_MS = 2_000;

/** What is used here of a connection of mysql2. */
interface PooledConnection {
  destroy(): void;
  promise?(): object;
  stream?: { destroy(): void };
}

/** One pool of the library's own, for a broker whose database no handler runs on. */
export async function openMysqlControl(
  broker: DataSource,
  database: Database,
  options: MysqlConnectionsOptions,
): Promise<LibraryConnections> {
  const control = await new DataSource(controlOptions(broker, options)).initialize();
  return new MysqlConnections(database, control, undefined, options);
}

/** Two pools of the library's own, made from the options of the app's DataSource. */
export async function openMysqlConnections(
  app: DataSource,
  database: Database,
  options: MysqlConnectionsOptions,
): Promise<LibraryConnections> {
  const control = await new DataSource(controlOptions(app, options)).initialize();
  const scopes = new DataSource(scopeOptions(app, options));
  try {
    await scopes.initialize();
  } catch (error) {
    await control.destroy();
    throw error;
  }
  // The very array, not a copy: subscribers that Nest creates later add themselves to the app's.
  Object.assign(scopes, { subscribers: app.subscribers });
  standFor(scopes, app);
  const scopeRunners = ownRunners(scopes);
  leadToApp(scopes, app);
  return new MysqlConnections(database, control, { pool: scopes, runners: scopeRunners }, options);
}

class MysqlConnections implements LibraryConnections {
  /** Each with the statements that it was set up with. */
  private readonly prepared = new WeakMap<PooledConnection, string>();
  /** Connections for control, as long as somebody has them. */
  private readonly inUse = new Set<RunnerLease>();
  private idleTimeoutSeconds: number;
  private readonly seats: Record<ScopeRequest['kind'], Seats>;

  constructor(
    readonly database: Database,
    private readonly controlPool: DataSource,
    private readonly scopes: { pool: DataSource; runners: () => QueryRunner } | undefined,
    private readonly options: MysqlConnectionsOptions,
  ) {
    const { scopeConnections, idleTimeoutSeconds } = options;
    this.idleTimeoutSeconds = idleTimeoutSeconds;
    this.seats = {
      handler: new Seats(scopeConnections, 'for handlers'),
      executor: new Seats(scopeConnections, 'for IdempotentExecutor'),
    };
  }

  async control<T>(work: (on: Connection) => Promise<T>): Promise<T> {
    const { lease, on } = await this.controlConnection();
    try {
      const result = await work(on);
      await lease.release();
      return result;
    } catch (error) {
      // Whatever state the session is in now, nobody else gets it.
      lease.destroy();
      throw error;
    }
  }

  async controlTransaction<T>(
    work: (on: Connection) => Promise<T>,
    { attempts } = { attempts: CONTENTION_RETRIES },
  ): Promise<T> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.oneTransaction(work);
      } catch (error) {
        if (attempt >= attempts || !this.database.dialect.isContention(error)) throw error;
        await pause(Math.random() * 20 * attempt);
      }
    }
  }

  private async oneTransaction<T>(work: (on: Connection) => Promise<T>): Promise<T> {
    const { lease, on } = await this.controlConnection();
    try {
      await begin(this.database, on);
      const result = await work(on);
      await commit(on);
      await lease.release();
      return result;
    } catch (error) {
      try {
        await rollback(on);
        await lease.release();
      } catch {
        lease.destroy();
      }
      throw error;
    }
  }

  async scopeRunner(request: ScopeRequest): Promise<ScopeRunner> {
    const leaveSeat = await this.seats[request.kind].take(request);
    try {
      return await this.seatedRunner(leaveSeat);
    } catch (error) {
      leaveSeat();
      throw error;
    }
  }

  private async seatedRunner(leaveSeat: () => void): Promise<ScopeRunner> {
    const { idleTimeoutSeconds } = this;
    if (!this.scopes) throw new Error('No scope can be opened in the database of a broker.');
    const { runner, connection } = await this.acquire(
      this.scopes.runners(),
      consumerSession(idleTimeoutSeconds),
    );
    const lease = new RunnerLease(runner, connection, leaveSeat);
    return {
      runner,
      keepAliveMs: (idleTimeoutSeconds * 1000) / 4,
      // autocommit is off: the first statement begins the transaction.
      begin: async () => undefined,
      release: () => lease.release(),
      destroy: () => lease.destroy(),
    };
  }

  allowSilence(seconds: number): void {
    this.idleTimeoutSeconds = Math.max(this.idleTimeoutSeconds, seconds);
  }

  /** The server knows, and is asked: findOldTransactions. */
  oldestTransaction(): undefined {}

  /** Nobody waits for what is still under way. The pool would, also for a server that is frozen. */
  async close(): Promise<void> {
    for (const lease of this.inUse) lease.destroy();
    const closing = Promise.all([this.controlPool.destroy(), this.scopes?.pool.destroy()]);
    await withDeadline(closing, CLOSING_MS, 'Closing the connections', () => undefined).catch(
      (error: unknown) => {
        if (!(error instanceof StatementTimeoutError)) throw error;
      },
    );
  }

  private async acquire(runner: QueryRunner, session: string[]) {
    const connection = await this.connect(runner);
    const setting = session.join('; ');
    if (this.prepared.get(connection) !== setting) {
      try {
        const setUp = async () => {
          for (const statement of session) await runner.query(statement);
        };
        await withDeadline(setUp(), this.options.statementTimeoutMs, 'Setting up a session', () => undefined);
      } catch (error) {
        connection.stream?.destroy();
        connection.destroy();
        throw error;
      }
      keepPromising(connection);
      this.prepared.set(connection, setting);
    }
    return { runner, connection };
  }

  /** The pool's own queue has no time limit: behind statements that get no answer, renewals would pile up there. */
  private async connect(runner: QueryRunner): Promise<PooledConnection> {
    const connecting = runner.connect() as Promise<PooledConnection>;
    const { statementTimeoutMs } = this.options;
    let late = false;
    try {
      return await withDeadline(connecting, statementTimeoutMs, 'Waiting for a connection', () => {
        late = true;
      });
    } catch (error) {
      // Nobody waits for it any more when its turn comes.
      if (late) connecting.then(() => runner.release()).catch(() => undefined);
      throw error;
    }
  }

  private async controlConnection(): Promise<{ lease: RunnerLease; on: Connection }> {
    const { runner, connection } = await this.acquire(
      this.controlPool.createQueryRunner('master'),
      controlSession(controlIdleSeconds(this.options)),
    );
    const lease: RunnerLease = new RunnerLease(runner, connection, () => this.inUse.delete(lease));
    this.inUse.add(lease);
    const { statementTimeoutMs } = this.options;
    const on: Connection = {
      query: (sql, parameters, structured) =>
        withDeadline(
          runner.query(sql, parameters, structured),
          statementTimeoutMs,
          'A statement of the broker',
          () => lease.destroy(),
        ),
    };
    return { lease, on };
  }
}

/** TypeORM asks for the connection's side with promises at each statement, and mysql2 would make a new one each time. */
function keepPromising(connection: PooledConnection): void {
  const promising = connection.promise?.();
  if (promising) connection.promise = () => promising;
}

/** Gives the connection of a runner back, or away, once. */
class RunnerLease {
  private over = false;
  private readonly giveBack: () => Promise<void>;

  constructor(
    private readonly runner: QueryRunner,
    private readonly connection: PooledConnection,
    private readonly onOver: () => void = () => undefined,
  ) {
    // Bound now: a scope refuses release() to its handler.
    this.giveBack = runner.release.bind(runner);
  }

  async release(): Promise<void> {
    if (this.over) return;
    this.over = true;
    await this.giveBack().finally(this.onOver);
  }

  destroy(): void {
    if (this.over) return;
    this.over = true;
    this.connection.destroy();
    // mysql2 only says goodbye, which a server that is blocked in sending rows never hears.
    this.connection.stream?.destroy();
    // TypeORM would give the destroyed connection back to the pool.
    Object.assign(this.runner, { isReleased: true });
    this.onOver();
  }
}

/** The DataSource's own way to make runners, whatever it is given later. */
function ownRunners(dataSource: DataSource): () => QueryRunner {
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
function leadToApp(scopes: DataSource, app: DataSource): void {
  scopes.driver.createQueryRunner = (mode) => app.driver.createQueryRunner(mode);
}

function ownOptions(
  app: DataSource,
  { connections, idleTimeoutSeconds }: { connections: number; idleTimeoutSeconds: number },
): DataSourceOptions {
  const { extra } = app.options as { extra?: object };
  return {
    ...app.options,
    synchronize: false,
    dropSchema: false,
    migrations: [],
    migrationsRun: false,
    subscribers: [],
    poolSize: connections,
    extra: {
      ...extra,
      connectionLimit: connections,
      // A stack for each statement, in case that it fails: TypeORM's own error has one.
      trace: false,
      // mysql2 closes idle connections only where fewer may be idle than open; the server, which ends its own, comes later.
      maxIdle: Math.max(1, connections - 1),
      idleTimeout: (idleTimeoutSeconds * 1000) / 2,
    },
  } as DataSourceOptions;
}

/** Handlers find their entities here. */
function scopeOptions(app: DataSource, { scopeConnections, idleTimeoutSeconds }: MysqlConnectionsOptions) {
  return ownOptions(app, { connections: 2 * scopeConnections, idleTimeoutSeconds });
}

/** Between two statements of one transaction no time passes, unless the process does nothing at all. */
function controlIdleSeconds({ statementTimeoutMs }: MysqlConnectionsOptions): number {
  return Math.max(2, Math.ceil(statementTimeoutMs / 1000));
}

function controlOptions(app: DataSource, options: MysqlConnectionsOptions): DataSourceOptions {
  const { controlConnections: connections } = options;
  const own = ownOptions(app, { connections, idleTimeoutSeconds: controlIdleSeconds(options) });
  return {
    ...own,
    entities: [],
    cache: false,
    // Not the statements: an idle worker asks several times a second.
    logging: app.options.logging ? ['error', 'warn'] : false,
    extra: { ...(own as { extra: object }).extra, typeCast: true, rowsAsArray: false },
  };
}
