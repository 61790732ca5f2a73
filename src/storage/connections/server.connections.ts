import { setTimeout as pause } from 'node:timers/promises';
import { DataSource, type QueryRunner } from 'typeorm';
import { StatementTimeoutError } from '../../errors/index.js';
import type { Connection } from '../execute.js';
import { begin, commit, rollback } from '../statements/index.js';
import type { Database } from '../tables.js';
import { standFor } from './app-data-source.js';
import { withDeadline } from './deadline.js';
import type { LibraryConnections, ScopeRequest, ScopeRunner } from './library-connections.js';
import { controlIdleSeconds, controlOptions, leadToApp, ownRunners, scopeOptions } from './own-pools.js';
import { Listener, type ListeningConnection } from './listener.js';
import type { PostgresClient } from './postgres-client.js';
import { RunnerLease } from './runner-lease.js';
import { Seats } from './seats.js';
import type { ServerConnectionsOptions, ServerDriver } from './server-driver.js';

const CONTENTION_RETRIES = 10;
/** In milliseconds. Drivers say goodbye to each connection, and wait until it is gone. */
const CLOSING_MS = 2_000;

/** One pool of the library's own, for a broker whose database no handler runs on. */
export async function openServerControl(
  driver: ServerDriver,
  broker: DataSource,
  database: Database,
  options: ServerConnectionsOptions,
): Promise<LibraryConnections> {
  const control = await new DataSource(controlOptions(broker, driver, options)).initialize();
  return new ServerConnections(driver, database, control, undefined, options);
}

/** Two pools of the library's own, made from the options of the app's DataSource. */
export async function openServerConnections(
  driver: ServerDriver,
  app: DataSource,
  database: Database,
  options: ServerConnectionsOptions,
): Promise<LibraryConnections> {
  const control = await new DataSource(controlOptions(app, driver, options)).initialize();
  const scopes = new DataSource(scopeOptions(app, driver, options));
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
  return new ServerConnections(driver, database, control, { pool: scopes, runners: scopeRunners }, options);
}

class ServerConnections implements LibraryConnections {
  /** Each with the statements that it was set up with. */
  private readonly prepared = new WeakMap<object, string>();
  /** Connections for control, as long as somebody has them. */
  private readonly inUse = new Set<RunnerLease>();
  private readonly listeners = new Set<Listener>();
  private idleTimeoutSeconds: number;
  readonly listen: LibraryConnections['listen'];
  private readonly seats: Record<ScopeRequest['kind'], Seats>;

  constructor(
    private readonly driver: ServerDriver,
    readonly database: Database,
    private readonly controlPool: DataSource,
    private readonly scopes: { pool: DataSource; runners: () => QueryRunner } | undefined,
    private readonly options: ServerConnectionsOptions,
  ) {
    const { scopeConnections, idleTimeoutSeconds } = options;
    this.idleTimeoutSeconds = idleTimeoutSeconds;
    this.seats = {
      handler: new Seats(scopeConnections, 'for handlers'),
      executor: new Seats(scopeConnections, 'for IdempotentExecutor'),
    };
    if (driver.listens) this.listen = (channel, hear) => this.startListening(channel, hear);
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
    const aborted = this.database.dialect.errorsAbort ? noticingErrors(on) : undefined;
    try {
      await begin(this.database, on);
      const result = await work(aborted?.on ?? on);
      aborted?.throwFirst();
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
    const { driver, idleTimeoutSeconds } = this;
    if (!this.scopes) throw new Error('No scope can be opened in the database of a broker.');
    const session = driver.consumerSession(idleTimeoutSeconds);
    const { runner, connection } = await this.acquire(this.scopes.runners(), session);
    const lease = new RunnerLease(driver, runner, connection, leaveSeat);
    return {
      runner,
      keepAliveMs: (idleTimeoutSeconds * 1000) / 4,
      begin: async () => {
        if (driver.begin) await this.inTime(driver.begin(runner), 'Beginning a transaction');
      },
      ...(driver.inTransaction && { inTransaction: () => driver.inTransaction!(connection) }),
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
    for (const listener of this.listeners) listener.stop();
    for (const lease of this.inUse) lease.destroy();
    const closing = Promise.all([this.controlPool.destroy(), this.scopes?.pool.destroy()]);
    await withDeadline(closing, CLOSING_MS, 'Closing the connections', () => undefined).catch(
      (error: unknown) => {
        if (!(error instanceof StatementTimeoutError)) throw error;
      },
    );
  }

  private startListening(channel: string, hear: (text: string) => void): () => void {
    const open = async (): Promise<ListeningConnection> => {
      const { lease, on, connection } = await this.controlConnection();
      return { client: connection as PostgresClient, on, destroy: () => lease.destroy() };
    };
    const listener = new Listener(open, channel, hear);
    this.listeners.add(listener);
    return () => {
      listener.stop();
      this.listeners.delete(listener);
    };
  }

  private async acquire(runner: QueryRunner, session: string[]) {
    const connection = await this.connect(runner);
    this.driver.taken(connection);
    const setting = session.join('; ');
    if (this.prepared.get(connection) !== setting) {
      try {
        const setUp = async () => {
          for (const statement of session) await runner.query(statement);
        };
        await this.inTime(setUp(), 'Setting up a session');
      } catch (error) {
        new RunnerLease(this.driver, runner, connection).destroy();
        throw error;
      }
      this.driver.prepared(connection);
      this.prepared.set(connection, setting);
    }
    return { runner, connection };
  }

  private inTime<T>(work: Promise<T>, what: string): Promise<T> {
    return withDeadline(work, this.options.statementTimeoutMs, what, () => undefined);
  }

  /** The pool's own queue has no time limit: behind statements that get no answer, renewals would pile up there. */
  private async connect(runner: QueryRunner): Promise<object> {
    const connecting = runner.connect() as Promise<object>;
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

  private async controlConnection(): Promise<{ lease: RunnerLease; on: Connection; connection: object }> {
    const { driver, options } = this;
    const { statementTimeoutMs } = options;
    const { runner, connection } = await this.acquire(
      this.controlPool.createQueryRunner('master'),
      driver.controlSession({ idleTimeoutSeconds: controlIdleSeconds(options), statementTimeoutMs }),
    );
    const lease: RunnerLease = new RunnerLease(driver, runner, connection, () => this.inUse.delete(lease));
    this.inUse.add(lease);
    const on: Connection = {
      dataSource: runner.dataSource,
      query: (sql, parameters, structured) =>
        withDeadline(
          runner.query(sql, parameters, structured),
          statementTimeoutMs,
          'A statement of the broker',
          () => lease.destroy(),
        ),
    };
    return { lease, on, connection };
  }
}

/**
 * The COMMIT of a transaction that an error has aborted answers that it was rolled back, and that is no error: whoever
 * has gone on after one would take it for done.
 */
function noticingErrors(on: Connection): { on: Connection; throwFirst(): void } {
  let first: { error: unknown } | undefined;
  return {
    on: {
      ...on,
      query: (sql, parameters, structured) =>
        on.query(sql, parameters, structured).catch((error: unknown) => {
          first ??= { error };
          throw error;
        }),
    },
    throwFirst: () => {
      if (first) throw first.error;
    },
  };
}
