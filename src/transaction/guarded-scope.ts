import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import {
  ManualTransactionControlError,
  ScopeDoomedError,
  UnsettledQueryError,
  describeError,
} from '../errors/index.js';
import {
  type Connection,
  type Database,
  type LibraryConnections,
  type ScopeRunner,
  commit,
  ping,
  rollback,
  withDeadline,
} from '../storage/index.js';
import { type AmbientScope, runInScope } from './ambient-scope.js';
import { InFlight, neverSettling } from './in-flight.js';
import { SessionWatch } from './session-watch.js';
import { isTransactionControl } from './transaction-control.js';
import { TransactionFrames } from './transaction-frames.js';

export interface GuardedScopeOptions {
  /** For messages: what runs in it. */
  name: string;
  /** The app's DataSource that this scope's manager stands for. */
  dataSource: DataSource;
  statementTimeoutMs: number;
  /** Hears of statements that came after the handler had ended, and of what failed after the COMMIT. */
  onStray: (error: Error) => void;
}

const HANDLER_ENDED = 'its handler has returned or thrown';

/** On the runner of a scope, under a name that the ESM and the CommonJS copy of the library share. */
const GUARDED = Symbol.for('nestjs-idempotent-mq.guarded');

/** Set in the app's subscribers that run after the COMMIT: unlike what is left of a handler, they await their statements. */
const afterCommit = new AsyncLocalStorage<true>();

/**
 * A transaction that others write in and this library commits. It watches every statement that goes through its manager,
 * so that nothing the handler does (swallow a deadlock, commit by itself, forget an `await`, nest transactions side by
 * side) makes part of its effect durable without the rest, unnoticed.
 */
export class GuardedScope implements AmbientScope {
  readonly name: string;
  readonly dataSource: DataSource;
  /** For the library's own statements: never refused, always bounded in time. */
  readonly own: Connection;
  over: string | undefined;
  readonly session: SessionWatch;

  private readonly runner: GuardableRunner;
  private readonly frames = new TransactionFrames();
  private readonly inFlight = new InFlight();
  /** From then on nobody waits for a statement of it. */
  private handlerEnded = false;
  /** What came after the handler had ended. */
  private strayed: Error | undefined;
  private lastStatementAt = Date.now();
  private keepAliveTimer: NodeJS.Timeout | undefined;

  /** Begins the transaction. */
  static async open(
    connections: Pick<LibraryConnections, 'database' | 'scopeRunner'>,
    options: GuardedScopeOptions,
  ): Promise<GuardedScope> {
    const connection = await connections.scopeRunner(options.name);
    try {
      await connection.begin();
    } catch (error) {
      connection.destroy();
      throw error;
    }
    return new GuardedScope(connections.database, connection, options);
  }

  private constructor(
    database: Database,
    private readonly connection: ScopeRunner,
    private readonly options: GuardedScopeOptions,
  ) {
    this.name = options.name;
    this.dataSource = options.dataSource;
    this.session = new SessionWatch(this.name, database.dialect, connection.inTransaction?.bind(connection));
    this.runner = connection.runner as unknown as GuardableRunner;
    const query = this.runner.query.bind(this.runner);
    this.own = {
      query: (sql, parameters) =>
        withDeadline(
          query(sql, parameters, true),
          options.statementTimeoutMs,
          'A statement of the library',
          () => this.destroy(),
        ).catch((error: unknown) => {
          this.session.afterOwnError(error);
          throw error;
        }),
    };
    // What TypeORM would note itself after START TRANSACTION: transactions that the handler opens are nested ones.
    this.runner.isTransactionActive = true;
    this.runner.transactionDepth = 1;
    this.guard(query);
    if (connection.keepAliveMs !== undefined) this.keepAlive(connection.keepAliveMs);
  }

  get manager(): EntityManager {
    return this.runner.manager;
  }

  /**
   * Runs the handler. When this resolves, none of its statements is running, and it can send no more.
   *
   * @throws what the handler throws
   * @throws UnsettledQueryError when it returned while a statement of it was running
   */
  async run<T>(handler: () => Promise<T>): Promise<T> {
    let result: T;
    try {
      result = await runInScope(this, handler);
    } finally {
      this.handlerEnded = true;
      this.over ??= HANDLER_ENDED;
    }
    await this.settle();
    return result;
  }

  /** Lets the app's subscribers write what they write before a commit, while it can still be part of it. */
  async beforeCommit(): Promise<void> {
    if (this.over !== HANDLER_ENDED) return;
    this.over = undefined;
    this.handlerEnded = false;
    await this.run(() => this.runner.broadcaster.broadcast('BeforeTransactionCommit'));
  }

  private async settle(): Promise<void> {
    if (this.inFlight.isEmpty) return;
    const running = this.inFlight.toString();
    if (this.inFlight.hasStreams) this.destroy();
    else await this.inFlight.settled();
    throw new UnsettledQueryError(
      `${this.name} returned while ${running}: an await is missing. Rolled back.`,
    );
  }

  /** An error here means that the outcome is unknown. The connection is destroyed, and nothing is done again in place. */
  async commit(): Promise<void> {
    try {
      await commit(this.own);
    } catch (error) {
      this.destroy();
      throw error;
    }
    this.ended();
    await this.tellCommitted();
    await this.giveBack();
  }

  private async tellCommitted(): Promise<void> {
    try {
      await withDeadline(
        afterCommit.run(true, () => this.runner.broadcaster.broadcast('AfterTransactionCommit')),
        this.options.statementTimeoutMs,
        'A subscriber to AfterTransactionCommit',
        () => this.connection.destroy(),
      );
    } catch (cause) {
      this.options.onStray(
        new Error(`${this.name} has committed, but a subscriber failed after it: ${describeError(cause)}`, {
          cause,
        }),
      );
    }
  }

  /** Undoes everything, by closing the connection where asking for it doesn't work. */
  async rollback(): Promise<void> {
    this.over ??= 'it was rolled back';
    if (!this.inFlight.isEmpty || this.session.autocommitSeen) {
      this.destroy();
      return;
    }
    try {
      if (this.connection.inTransaction?.() !== false) await rollback(this.own);
      this.ended();
      await this.giveBack();
    } catch {
      this.destroy();
    }
  }

  /** Closes the connection: the server rolls back, and nothing of this scope can arrive any more. */
  destroy(): void {
    this.over ??= 'its connection was closed';
    this.ended();
    this.connection.destroy();
  }

  /** @throws ScopeDoomedError when something the handler did, or swallowed, leaves nothing to commit */
  throwIfDoomed(): void {
    const cause = this.session.doomedBy ?? this.strayed;
    if (cause === undefined) return;
    throw new ScopeDoomedError(`${this.name} can't commit: ${describeError(cause)}`, { cause });
  }

  /** Keeps the server from taking a scope for dead whose handler works on something else for long. */
  private keepAlive(everyMs: number): void {
    this.keepAliveTimer = setInterval(() => {
      if (this.over || !this.inFlight.isEmpty || Date.now() - this.lastStatementAt < everyMs) return;
      this.lastStatementAt = Date.now();
      // If it fails, the handler's next statement or the witness finds out.
      ping(this.own).catch(() => undefined);
    }, everyMs).unref();
  }

  /** To the pool as it came from there, or not at all. */
  private async giveBack(): Promise<void> {
    if (this.session.changed || this.session.endedWithin) this.connection.destroy();
    else await this.connection.release();
  }

  private ended(): void {
    clearInterval(this.keepAliveTimer);
    this.runner.isTransactionActive = false;
    this.runner.transactionDepth = 0;
  }

  private guard(query: QueryRunner['query']): void {
    const { runner, manager } = this;
    const nested = manager.transaction.bind(manager) as (...args: unknown[]) => Promise<unknown>;
    Object.assign(manager, {
      transaction: (...args: unknown[]) => this.frames.nested(() => nested(...args)),
    });
    const { commitTransaction, rollbackTransaction, stream } = runner;
    Object.defineProperty(runner, GUARDED, { value: true });
    Object.assign(runner, {
      query: (sql: string, parameters?: unknown[], structured = false) =>
        this.isStray()
          ? this.stray()
          : this.inFlight.track(this.handlerStatement(query, sql, parameters, structured), () =>
              this.isStray(),
            ),
      stream: async (...args: Parameters<QueryRunner['stream']>) => {
        if (this.isStray()) return this.stray();
        this.refuseWhenOver();
        return this.inFlight.trackStream(await stream.apply(runner, args));
      },
      commitTransaction: () => this.nestedOnly('commitTransaction', () => commitTransaction.call(runner)),
      rollbackTransaction: () =>
        this.nestedOnly('rollbackTransaction', () => rollbackTransaction.call(runner)),
      release: async () => {
        throw this.manualControl('called release() on its query runner');
      },
    });
  }

  private async nestedOnly(what: string, work: () => Promise<void>): Promise<void> {
    if (this.runner.transactionDepth <= 1)
      throw this.manualControl(`called ${what}() on the outermost transaction`);
    await work();
  }

  private manualControl(what: string): ManualTransactionControlError {
    return new ManualTransactionControlError(
      `${this.name} ${what}, which the library keeps: return to commit, throw to roll back.`,
    );
  }

  private isStray(): boolean {
    return this.handlerEnded && !afterCommit.getStore();
  }

  /**
   * Nobody waits for a statement that comes after its handler has ended, so its rejection would end the process, and
   * other deliveries with it. It is reported instead, and its promise never settles.
   */
  private stray(): Promise<never> {
    this.strayed = this.refusal(`${this.name} is over (${this.over})`);
    this.options.onStray(this.strayed);
    return neverSettling();
  }

  private async handlerStatement(
    query: QueryRunner['query'],
    sql: string,
    parameters: unknown[] | undefined,
    structured: boolean,
  ): Promise<unknown> {
    this.refuseWhenOver();
    if (this.frames.isTaken) {
      await this.frames.turn();
      this.refuseWhenOver();
    }
    if (this.connection.inTransaction) {
      if (isTransactionControl(sql)) throw this.manualControl(`sent "${sql.trim().slice(0, 40)}"`);
      // On SQLite a statement after a lost transaction would be durable at once: look before each.
      this.noticeEnd();
      this.refuseWhenOver();
    }
    this.lastStatementAt = Date.now();
    this.session.beforeStatement(sql);
    try {
      const result = await query(sql, parameters, true);
      this.session.afterStatement(result);
      return structured ? result : (result.raw as unknown);
    } catch (error) {
      this.session.afterError(error);
      throw error;
    } finally {
      this.noticeEnd();
    }
  }

  /** When it is over, the library itself has ended the transaction. */
  private noticeEnd(): void {
    if (!this.over) this.session.noticeEnd();
  }

  private refuseWhenOver(): void {
    if (this.over) throw this.refusal(`${this.name} is over (${this.over})`);
    const { doomedBy } = this.session;
    if (doomedBy !== undefined) {
      throw this.refusal(`${this.name} can no longer commit (${describeError(doomedBy)})`, doomedBy);
    }
  }

  private refusal(why: string, cause?: unknown): ScopeDoomedError {
    return new ScopeDoomedError(
      `${why}, so a further statement is refused. Let errors of the database end the handler, and await every statement.`,
      { cause },
    );
  }
}

/** Whether a scope answers for what is sent on this runner, and for what is left running there. */
export function isGuarded(runner: object): boolean {
  return GUARDED in runner;
}

/** TypeORM's runner with the parts of it that a scope sets itself. */
interface GuardableRunner extends Omit<QueryRunner, 'isTransactionActive' | 'broadcaster'> {
  isTransactionActive: boolean;
  transactionDepth: number;
  broadcaster: { broadcast(event: string): Promise<void> };
}
