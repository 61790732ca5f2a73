import { AsyncLocalStorage } from 'node:async_hooks';
import type { DataSource, EntityManager, QueryRunner } from 'typeorm';
import { ScopeDoomedError, UnsettledQueryError, describeError } from '../errors/index.js';
import {
  type Connection,
  type Database,
  type LibraryConnections,
  type MarkedRows,
  type ScopeDelivery,
  type ScopeRequest,
  type ScopeRunner,
  commit,
  ping,
  rollback,
  withDeadline,
} from '../storage/index.js';
import { type AmbientScope, ranBefore, runInScope } from './ambient-scope.js';
import { DedupMark } from './dedup-mark.js';
import { type GuardableRunner, markGuarded, nestedTransactions } from './guarded-runner.js';
import { InFlight, neverSettling } from './in-flight.js';
import { KeepAlive } from './keep-alive.js';
import { furtherStatement, manualControl } from './refusals.js';
import { SessionWatch } from './session-watch.js';
import { isTransactionControl } from './transaction-control.js';
import { TransactionFrames } from './transaction-frames.js';
import { UnheardErrors } from './unheard-errors.js';

export interface GuardedScopeOptions extends ScopeRequest {
  /** The app's DataSource that this scope's manager stands for. */
  dataSource: DataSource;
  statementTimeoutMs: number;
  /** Hears of statements that came after the handler had ended, and of what failed after the COMMIT; and whose they were. */
  onStray: (error: Error, delivery?: ScopeDelivery) => void;
}

const HANDLER_ENDED = 'its handler has returned or thrown';
/** Set in the app's subscribers that run after the COMMIT: unlike what is left of a handler, they await their statements. */
const afterCommit = new AsyncLocalStorage<true>();

/**
 * A transaction that others write in and this library commits. It watches every statement that goes through its manager,
 * so that nothing the handler does (swallow a deadlock, commit by itself, forget an `await`, nest transactions side by
 * side) makes part of its effect durable without the rest, unnoticed.
 */
export class GuardedScope implements AmbientScope {
  readonly name: string;
  readonly delivery: ScopeDelivery | undefined;
  readonly dataSource: DataSource;
  readonly signal: AbortSignal;
  readonly manager: EntityManager;
  /** For the library's own statements: never refused, always bounded in time. */
  readonly own: Connection;
  over: string | undefined;
  readonly session: SessionWatch;

  private readonly runner: GuardableRunner;
  private readonly frames = new TransactionFrames();
  private readonly inFlight = new InFlight();
  private readonly unheard = new UnheardErrors((error) => this.noticeUnheard(error));
  private mark: DedupMark | undefined;
  /** From then on nobody waits for a statement of it. */
  private handlerEnded = false;
  /** What came after the handler had ended. */
  private strayed: Error | undefined;
  private readonly keepAlive: KeepAlive;

  /** Begins the transaction. */
  static async open(
    connections: Pick<LibraryConnections, 'database' | 'scopeRunner'>,
    options: GuardedScopeOptions,
  ): Promise<GuardedScope> {
    const connection = await connections.scopeRunner(options);
    try {
      await connection.begin();
    } catch (error) {
      connection.destroy();
      throw error;
    }
    return new GuardedScope(connections.database, connection, options);
  }

  private constructor(
    private readonly database: Database,
    private readonly connection: ScopeRunner,
    private readonly options: GuardedScopeOptions,
  ) {
    this.name = options.name;
    this.delivery = options.delivery;
    this.dataSource = options.dataSource;
    this.signal = options.signal;
    this.session = new SessionWatch(this.name, database.dialect, connection.inTransaction?.bind(connection));
    this.runner = connection.runner as unknown as GuardableRunner;
    this.manager = this.runner.manager;
    const query = this.runner.query.bind(this.runner);
    this.own = {
      dataSource: connection.runner.dataSource,
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
    const isBusy = () => this.over !== undefined || !this.inFlight.isEmpty;
    this.keepAlive = new KeepAlive(connection.keepAliveMs, isBusy, () => ping(this.own));
  }

  /** The scope stands or falls with these dedup rows, which were inserted as its first statement. */
  markedBy(rows: MarkedRows): DedupMark {
    return (this.mark = new DedupMark(this.database, this.own, this.session, rows));
  }

  /**
   * Runs the handler. When this resolves, none of its statements is running, and it can send no more: also not while the
   * next one runs, where several share the transaction.
   *
   * @throws what the handler throws
   * @throws UnsettledQueryError when it returned while a statement of it was running
   */
  async run<T>(handler: () => Promise<T>): Promise<T> {
    if (this.over === HANDLER_ENDED) {
      this.over = undefined;
      this.handlerEnded = false;
    }
    let result: T;
    try {
      result = await runInScope(this, handler);
    } finally {
      this.handlerEnded = true;
      this.over ??= HANDLER_ENDED;
      this.session.handlerEnded();
      await this.unheard.close();
    }
    await this.settle();
    return result;
  }

  /** Lets the app's subscribers write what they write before a commit, while it can still be part of it. */
  async beforeCommit(): Promise<void> {
    if (this.over !== HANDLER_ENDED) return;
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
        this.delivery,
      );
    }
  }

  handOver<E>(error: E): E {
    this.unheard.handOver(error);
    return error;
  }

  /** Gets the transaction out of the way of a handler that doesn't stop. */
  abandon(cause: Error): void {
    this.session.doom(this.frames.explain(cause));
    this.destroy();
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
    } catch (error) {
      this.session.afterFailedRollback(error);
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
    const cause = this.session.ruinedBy ?? this.strayed;
    if (cause === undefined) return;
    throw new ScopeDoomedError(`${this.name} can't commit: ${describeError(cause)}`, { cause });
  }

  /** To the pool as it came from there, or not at all. */
  private async giveBack(): Promise<void> {
    if (this.session.changed || this.session.endedWithin) this.connection.destroy();
    else await this.connection.release();
  }

  private ended(): void {
    this.keepAlive.stop();
    this.runner.isTransactionActive = false;
    this.runner.transactionDepth = 0;
  }

  private guard(query: QueryRunner['query']): void {
    const { runner, manager } = this;
    const nested = nestedTransactions(runner);
    manager.transaction = (...args: unknown[]) => this.frames.nested(() => nested(...args));
    const { stream } = runner;
    markGuarded(runner, (cause) => this.session.doom(cause));
    // One by one: Object.assign costs several times as much, and this is for each delivery.
    runner.query = ((sql: string, parameters?: unknown[], structured?: boolean) =>
      this.isStray()
        ? this.stray()
        : this.tracked(this.handlerStatement(query, sql, parameters, structured))) as QueryRunner['query'];
    runner.stream = async (...args) => {
      if (this.isStray()) return this.stray();
      this.refuseWhenOver();
      if (this.mark?.isDue) await this.renewMark();
      this.session.beforeStatement(args[0]);
      return this.inFlight.trackStream(await stream.apply(runner, args));
    };
    runner.startTransaction = async () => this.refuseControl('startTransaction');
    runner.commitTransaction = async () => this.refuseControl('commitTransaction');
    runner.rollbackTransaction = async () => this.refuseControl('rollbackTransaction');
    runner.release = async () => this.refuseControl('release');
  }

  /** Of two that overlap, TypeORM would release or roll back the other's savepoint. */
  private refuseControl(method: string): never {
    throw this.handOver(manualControl(this.name, `called ${method}() on its query runner`));
  }

  private async tracked(statement: Promise<unknown>): Promise<unknown> {
    try {
      return await this.inFlight.track(statement, () => this.isStray());
    } catch (error) {
      throw this.handOver(error);
    }
  }

  private isStray(): boolean {
    return (this.handlerEnded || ranBefore()) && !afterCommit.getStore();
  }

  /**
   * Nobody waits for a statement that comes after its handler has ended, so its rejection would end the process, and
   * other deliveries with it. It is reported instead, and its promise never settles.
   */
  private stray(): Promise<never> {
    const why = this.over ?? 'the handler that sent it has returned, and the next one runs';
    this.strayed = furtherStatement(`${this.name} is over (${why})`);
    this.options.onStray(this.strayed, this.delivery);
    return neverSettling();
  }

  private async handlerStatement(
    query: QueryRunner['query'],
    sql: string,
    parameters: unknown[] | undefined,
    structured: boolean | undefined,
  ): Promise<unknown> {
    this.refuseWhenOver();
    if (this.frames.isTaken) {
      await this.frames.turn();
      this.refuseWhenOver();
    }
    if (this.connection.inTransaction) {
      if (isTransactionControl(sql, this.database.dialect))
        throw manualControl(this.name, `sent "${sql.trim().slice(0, 40)}"`);
      // A statement after a lost transaction would be durable at once: look before each.
      this.noticeEnd();
      this.refuseWhenOver();
    }
    if (this.mark?.isDue) await this.renewMark();
    this.keepAlive.statementSent();
    const number = this.session.beforeStatement(sql);
    try {
      const result = await query(sql, parameters, true);
      if (this.session.afterStatement(number, sql, result)) this.mark?.transactionEnded();
      return structured ? result : (result.raw as unknown);
    } catch (error) {
      this.session.afterError(error);
      throw error;
    } finally {
      this.noticeEnd();
    }
  }

  private async renewMark(): Promise<void> {
    await this.mark?.renew();
    this.refuseWhenOver();
  }

  /** A failed statement that nobody waits for: the handler doesn't know that part of its effect is missing. */
  private noticeUnheard(cause: unknown): void {
    const error = new UnsettledQueryError(
      `A statement of ${this.name} failed (${describeError(cause)}) and nobody heard of it: an await is missing.`,
      { cause },
    );
    this.session.doom(error);
    if (this.over) this.options.onStray(error, this.delivery);
  }

  /** When it is over, the library itself has ended the transaction. */
  private noticeEnd(): void {
    if (!this.over) this.session.noticeEnd();
  }

  private refuseWhenOver(): void {
    const { doomedBy } = this.session;
    if (this.over) throw this.handOver(furtherStatement(`${this.name} is over (${this.over})`));
    if (doomedBy === undefined) return;
    const why = `${this.name} can no longer commit (${describeError(doomedBy)})`;
    throw this.handOver(furtherStatement(why, doomedBy));
  }
}
