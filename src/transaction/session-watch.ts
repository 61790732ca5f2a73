import type { QueryResult } from 'typeorm';
import { ScopeDoomedError } from '../errors/index.js';
import { type Database, sessionState } from '../storage/index.js';
import { outlastsTransaction } from './transaction-control.js';

/** What is known of the session that a scope's transaction runs in, from the answers to its statements. */
export class SessionWatch {
  /** What made the scope unable to commit. */
  doomedBy: unknown;
  /** The transaction ended under a statement of the handler: what came before it may be durable. */
  endedWithin = false;
  /** The session commits each statement by itself now: what came since may be durable. */
  autocommitSeen = false;
  /** The session is not as it was, so nobody else may have the connection. */
  changed = false;

  constructor(
    private readonly name: string,
    private readonly dialect: Database['dialect'],
    private readonly inTransaction: (() => boolean) | undefined,
  ) {}

  /** From now on every statement of the handler is refused. */
  doom(cause: unknown): void {
    this.doomedBy ??= cause;
  }

  beforeStatement(sql: string): void {
    this.changed ||= outlastsTransaction(sql);
  }

  /** What MySQL and MariaDB say with each answer about where the session stands. */
  afterStatement({ raw }: QueryResult): void {
    const session = sessionState(raw);
    if (!session) return;
    if (!session.inTransaction) this.endedWithin = true;
    if (session.changed) this.changed = true;
    if (session.autocommit) {
      this.autocommitSeen = true;
      this.doom(new ScopeDoomedError(`${this.name} switched autocommit on`));
    }
  }

  afterError(error: unknown): void {
    if (this.dialect.endsTransaction(error)) this.doom(error);
  }

  /** An error of one of the library's own statements. */
  afterOwnError(error: unknown): void {
    // Contention, or a key that was taken, says nothing of the session.
    this.changed ||= !this.dialect.isContention(error) && !this.dialect.isDuplicateKey(error);
  }

  /** SQLite's own word on whether the transaction is still there. */
  noticeEnd(): void {
    if (this.inTransaction?.() !== false) return;
    this.endedWithin = true;
    this.doom(new ScopeDoomedError(`the transaction of ${this.name} ended under one of its own statements`));
  }
}
