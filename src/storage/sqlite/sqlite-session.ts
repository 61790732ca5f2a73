import { busyDelay, isBusy, isStaleSnapshot } from './busy.js';
import type { FinishedStatement } from './driver-surface.js';
import type { HandlePool } from './handle-pool.js';
import { SqliteTransactionLostError } from './sqlite-connection.errors.js';
import type { SqliteHandle } from './sqlite-handle.js';
import { SqliteWriteTimeoutError } from './sqlite-write-timeout.error.js';
import { kindOf, type StatementKind } from './statement-kind.js';
import type { Turn, WaitingWriter, Writer } from './writers-queue.js';

export interface StatementToRun {
  readonly sql: string;
  readonly parameters: readonly unknown[];
  /** The runner believes to be in a transaction: a write outside of it would be durable by itself. */
  readonly withinTransaction: boolean;
}

/**
 * What one query runner has of the database: a handle from its first statement on, and the writers' turn while it
 * writes. Knows nothing of the runner, so that a forgotten runner can be collected.
 */
export class SqliteSession {
  #handle: SqliteHandle | undefined;
  #turn: Turn | undefined;
  #waiting: WaitingWriter | undefined;
  #lastStatement: Promise<unknown> | undefined;
  #ended: Error | undefined;
  /** Something was set on the handle that the next runner must not meet. */
  #changedHandle = false;
  /** When a statement first left a transaction open. By a clock that nobody sets. */
  #inTransactionSince: number | undefined;

  constructor(
    private readonly pool: HandlePool,
    private readonly writer: Writer,
    private readonly writeWaitMs: number,
    private readonly onEnd: (session: SqliteSession) => void,
  ) {}

  /** According to SQLite itself. */
  get inTransaction(): boolean {
    if (!this.#handle?.inTransaction) return false;
    return this.#turn !== undefined || !this.pool.place().inMemory;
  }

  get name(): string {
    return this.writer.name;
  }

  /** By `performance.now()`; undefined outside of a transaction. */
  get inTransactionSince(): number | undefined {
    return this.inTransaction ? this.#inTransactionSince : undefined;
  }

  async handle(): Promise<SqliteHandle> {
    this.#refuseIfEnded();
    if (this.#handle) return this.#handle;
    const handle = await this.pool.acquire();
    if (this.#ended || this.#handle) this.pool.giveBack(handle, { changed: false });
    this.#refuseIfEnded();
    return (this.#handle ??= handle);
  }

  /**
   * Runs the statement when those before it are through: like those of any connection, they come one after the other,
   * even where the first of them waits for the lock. Never rejects; the statement that it answers throws instead.
   */
  async run(statement: StatementToRun): Promise<FinishedStatement> {
    const before = this.#lastStatement;
    const mine = before ? before.then(() => this.#runNow(statement)) : this.#runNow(statement);
    this.#lastStatement = mine;
    const finished = await mine;
    if (this.#lastStatement === mine) this.#lastStatement = undefined;
    return finished;
  }

  /** Ends what is left of a transaction, whoever was to end it. */
  rollback(): void {
    if (this.inTransaction) this.#handle?.rollback();
    this.#leaveUnlessWriting();
  }

  /** Rolls back, and gives back the handle and the turn. `reason` is what later statements are refused with. */
  end(reason: Error): void {
    if (this.#ended) return;
    this.#ended = reason;
    this.#waiting?.cancel(reason);
    const handle = this.#handle;
    if (this.inTransaction) handle?.rollback();
    this.#handle = undefined;
    this.#leave();
    this.onEnd(this);
    if (handle) this.pool.giveBack(handle, { changed: this.#changedHandle });
  }

  async #runNow(statement: StatementToRun): Promise<FinishedStatement> {
    try {
      return await this.#attempt(statement, kindOf(statement.sql));
    } catch (error) {
      return failed(error);
    } finally {
      this.#inTransactionSince = this.inTransaction
        ? (this.#inTransactionSince ?? performance.now())
        : undefined;
      this.#leaveUnlessWriting();
    }
  }

  async #attempt(statement: StatementToRun, kind: StatementKind): Promise<FinishedStatement> {
    const began = performance.now();
    const { inMemory, readonly } = this.pool.place();
    const heldTurn = this.#turn !== undefined;
    const writes = !readonly && (kind === 'begin' || kind === 'write');
    // Before it has a handle: a hundred writers in the queue need one handle, not a hundred.
    if ((inMemory || writes) && !heldTurn) await this.#takeTurn(began);
    const handle = this.#handle ?? (await this.handle());
    if (kind === 'connection') this.#changedHandle = true;
    for (;;) {
      try {
        this.#refuseIfEnded();
        const prepared = handle.prepare(statement.sql);
        if (!prepared.readonly && !readonly && !this.#turn) await this.#takeTurn(began);
        // Again, and right before it runs: by now the handle may be another runner's.
        this.#refuseIfEnded();
        this.#refuseOutsideTransaction(statement, kind, prepared.readonly);
        return execute(prepared, statement.parameters);
      } catch (error) {
        if (!isBusy(error)) throw error;
        const waitedMs = performance.now() - began;
        const hopeless = handle.inTransaction && isStaleSnapshot(error);
        if (hopeless || waitedMs >= this.writeWaitMs)
          throw this.#gaveUp(error, { hopeless, waitedMs, heldTurn });
      }
      await busyDelay();
    }
  }

  async #takeTurn(began: number): Promise<void> {
    this.#refuseIfEnded();
    const left = Math.max(0, this.writeWaitMs - (performance.now() - began));
    this.#waiting = this.pool.place().writers.join(this.writer, left);
    try {
      this.#turn = await this.#waiting.turn;
    } finally {
      this.#waiting = undefined;
    }
    this.#refuseIfEnded();
  }

  /** The error to throw for a lock that stayed taken. A transaction that could not begin to write keeps no turn. */
  #gaveUp(error: unknown, at: { hopeless: boolean; waitedMs: number; heldTurn: boolean }): unknown {
    const wantedToWrite = this.#turn !== undefined;
    if (!at.heldTurn) this.#leave();
    if (at.hopeless || !wantedToWrite) return error;
    const { database } = this.pool.place().writers;
    return new SqliteWriteTimeoutError(database, this.writer.name, at.waitedMs, undefined, { cause: error });
  }

  #leaveUnlessWriting(): void {
    if (!this.#handle?.inTransaction) this.#leave();
  }

  #leave(): void {
    this.#turn?.leave();
    this.#turn = undefined;
  }

  #refuseIfEnded(): void {
    if (this.#ended) throw this.#ended;
  }

  #refuseOutsideTransaction(
    { withinTransaction, sql }: StatementToRun,
    kind: StatementKind,
    readonly: boolean,
  ): void {
    if (!withinTransaction || this.inTransaction) return;
    if (kind === 'savepoint' || (!readonly && kind !== 'begin')) throw new SqliteTransactionLostError(sql);
  }
}

function execute(prepared: FinishedStatement, parameters: readonly unknown[]): FinishedStatement {
  if (prepared.reader) {
    const rows = prepared.all(...parameters);
    return { reader: true, all: () => rows, run: () => ({ changes: 0, lastInsertRowid: 0 }) };
  }
  const result = prepared.run(...parameters);
  return { reader: false, all: () => [], run: () => result };
}

function failed(error: unknown): FinishedStatement {
  const refuse = (): never => {
    throw error;
  };
  return { reader: false, all: refuse, run: refuse };
}
