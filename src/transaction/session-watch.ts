import type { QueryResult } from 'typeorm';
import { ScopeDoomedError } from '../errors/index.js';
import { type Database, isConnectionLost, sessionStates } from '../storage/index.js';
import {
  beginsAnew,
  hidesItsStatements,
  isPlainRollback,
  outlastsTransaction,
} from './transaction-control.js';

/** What is known of the session that a scope's transaction runs in, from the answers to its statements. */
export class SessionWatch {
  /** What made the scope unable to commit. */
  doomedBy: unknown;
  /** The transaction ended under a statement of the handler. */
  endedWithin = false;
  /** Something else than a ROLLBACK ended it: what came before that may be durable, even where no dedup row says so. */
  mayBeDurable = false;
  /** A statement ran that may have ended the transaction unseen, such as a CALL. */
  mayHaveEnded = false;
  /** The session commits each statement by itself now: what came since may be durable. */
  autocommitSeen = false;
  /** The session is not as it was, so nobody else may have the connection. */
  changed = false;
  /** The error that has aborted the transaction, until a rollback to a savepoint answers it (PostgreSQL). */
  private aborting: { error: unknown } | undefined;
  private interrupted = false;
  private sent = 0;

  constructor(
    private readonly name: string,
    private readonly dialect: Database['dialect'],
    private readonly inTransaction: (() => boolean) | undefined,
  ) {}

  /** From now on every statement of the handler is refused. */
  doom(cause: unknown): void {
    this.doomedBy ??= cause;
  }

  /** @returns the statement's number */
  beforeStatement(sql: string): number {
    this.changed ||= outlastsTransaction(sql, this.dialect);
    this.mayHaveEnded ||= hidesItsStatements(sql);
    return ++this.sent;
  }

  /**
   * What MySQL and MariaDB say with each answer about where the session stands.
   *
   * @returns whether the transaction ended under this statement
   */
  afterStatement(number: number, sql: string, { raw }: QueryResult): boolean {
    this.aborting = undefined;
    if (this.inTransaction) return false;
    const sessions = sessionStates(raw);
    if (sessions.some(({ changed }) => changed)) this.changed = true;
    if (sessions.some(({ autocommit }) => autocommit)) {
      this.autocommitSeen = true;
      this.doom(new ScopeDoomedError(`${this.name} switched autocommit on`));
    }
    const isOneOfSeveral = Array.isArray(raw) && sessions.length > 0;
    if (!sessions.some(({ inTransaction }) => !inTransaction) && !beginsAnew(sql, isOneOfSeveral))
      return false;
    this.endedWithin = true;
    this.mayBeDurable ||= !isPlainRollback(sql);
    if (this.sent > number) {
      // They ran before the dedup row could be marked anew, so they prove nothing.
      this.doom(new ScopeDoomedError(`${this.name} ended its transaction while it had sent more statements`));
    }
    return true;
  }

  afterError(error: unknown): void {
    if (this.dialect.errorsAbort) this.aborting ??= { error };
    if (this.dialect.endsTransaction(error)) this.doom(error);
    this.interrupted ||= this.dialect.isInterrupted(error);
  }

  /**
   * The handler can't answer it any more. Where others were in the way, what it has made of the error doesn't count: as
   * elsewhere, it is nobody's fault.
   */
  handlerEnded(): void {
    if (!this.aborting) return;
    const { error } = this.aborting;
    if (this.dialect.isContention(error) || this.dialect.isUnwritable(error)) this.doom(error);
  }

  /** What keeps the scope from committing: also an error that its handler has swallowed, where that aborts it. */
  get ruinedBy(): unknown {
    return this.doomedBy ?? this.aborting?.error;
  }

  /** An error of one of the library's own statements. */
  afterOwnError(error: unknown): void {
    // Contention, or a key that was taken, says nothing of the session.
    this.changed ||= !this.dialect.isContention(error) && !this.dialect.isDuplicateKey(error);
  }

  /** MySQL calls a statement interrupted whose connection was killed. */
  afterFailedRollback(error: unknown): void {
    if (this.interrupted && isConnectionLost(error)) this.doom(error);
  }

  /**
   * The driver's own word on whether the transaction is still there. SQLite has rolled it back then. On PostgreSQL no error
   * does that: it was ended by a statement that was not taken for one that does, and may have been committed.
   */
  noticeEnd(): void {
    if (this.inTransaction?.() !== false) return;
    this.endedWithin = true;
    this.mayBeDurable ||= !this.dialect.isWithinProcess;
    this.doom(new ScopeDoomedError(`the transaction of ${this.name} ended under one of its own statements`));
  }
}
