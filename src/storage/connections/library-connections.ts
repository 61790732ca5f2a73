import type { QueryRunner } from 'typeorm';
import type { Connection } from '../execute.js';
import type { Database } from '../tables.js';

/**
 * The connections that the library keeps for itself, so that claims, ACKs and renewals never wait behind handlers, and
 * handlers never run on a connection that somebody else has set up differently.
 */
export interface LibraryConnections {
  readonly database: Database;

  /** Statements of the broker, each committed by itself. */
  control<T>(work: (on: Connection) => Promise<T>): Promise<T>;

  /** Statements of the broker in one transaction; begun anew, up to ten times, when it got in another's way. */
  controlTransaction<T>(work: (on: Connection) => Promise<T>, options?: { attempts: number }): Promise<T>;

  /**
   * A runner for a guarded scope, prepared but not in a transaction. The scope gives it back.
   *
   * @throws NoConnectionError when all stayed in use for `waitMs`; or the reason of the signal
   */
  scopeRunner(request: ScopeRequest): Promise<ScopeRunner>;

  /** Handlers may be silent for this long, in seconds, before the server ends their transaction. It only rises. */
  allowSilence(seconds: number): void;

  /**
   * The oldest transaction that this process has open, where the library knows of all of them (SQLite); undefined: none,
   * or nobody knows.
   */
  oldestTransaction(): OpenTransaction | undefined;

  /**
   * Hears what is told to all who listen in this database, from when it can be reached on. A hint, since nothing is kept
   * for who doesn't listen at that moment. Left out where there is no such thing (all but PostgreSQL).
   *
   * @param channel a name that needs no quotes
   * @returns how to stop it
   */
  listen?(channel: string, hear: (text: string) => void): () => void;

  close(): Promise<void>;
}

export interface OpenTransaction {
  /** Whose it is: a handler for a biz-id, the broker, a query runner of a DataSource. */
  readonly name: string;
  readonly openMs: number;
}

/** A delivery that a handler's scope is asked for. */
export interface ScopeDelivery {
  /** `CardIssuing.issue (group card-issuing, topic payment.succeeded)` */
  readonly consumer: string;
  readonly group: string;
  readonly topic: string;
  readonly bizId: string;
}

export interface ScopeRequest {
  /** For messages: what runs in the scope. */
  name: string;
  /** What a handler's scope is for; of several that share it, the first one. An executor's is for none. */
  delivery?: ScopeDelivery;
  /** Each kind has connections of its own, so that a handler never waits for an executor that waits for a handler. */
  kind: 'handler' | 'executor';
  /** Longest wait for a connection, in milliseconds. */
  waitMs: number;
  /** Ends the wait. */
  signal: AbortSignal;
}

export interface ScopeRunner {
  readonly runner: QueryRunner;
  /** Begins the scope's transaction. */
  begin(): Promise<void>;
  /** How often the session must hear of a scope that is busy elsewhere, in milliseconds; undefined where it needn't. */
  readonly keepAliveMs?: number;
  /** SQLite's own word on whether the transaction is still open; undefined where the answers of statements say it. */
  inTransaction?(): boolean;
  /** Back to the pool. */
  release(): Promise<void>;
  /** Closes the connection itself, so that the server rolls back, and nothing of this scope can still arrive. */
  destroy(): void;
}
