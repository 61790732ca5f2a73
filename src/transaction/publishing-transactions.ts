import type { DataSource, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { PublishIncompleteError, TransactionEndedError, describeError } from '../errors/index.js';
import {
  type Dialect,
  type PostgresClient,
  type SessionState,
  boundaryOf,
  isOutOfTransaction,
} from '../storage/index.js';
import { doomScopeOf, isGuarded } from './guarded-runner.js';
import { depthOf } from './transaction-depth.js';

interface Publishing {
  readonly inFlight: Set<Promise<unknown>>;
  /** Resolves when the publishes that came so far have ended. */
  turn: Promise<unknown>;
  /** Why no further publish may join. */
  over?: string;
  /** A publish failed half-way, this deep in nested transactions. */
  spoilt?: { depth: number; cause: unknown };
  /** Something was published in it. */
  joined?: boolean;
  /** The error that has aborted it, until a rollback to a savepoint answers it (PostgreSQL). */
  aborting?: { cause: unknown };
}

/**
 * Keeps a publish whole in a transaction that its caller holds. A message without its deliveries would be lost, and
 * deliveries without their message would be handed out for ever: so nothing begins, commits or rolls back between the
 * statements of a publish that nobody awaited, none joins once the end is on its way, and what a failed one has left half
 * done can't be committed. And in a session with autocommit off nothing but the error itself tells that a deadlock has
 * rolled everything back.
 */
export class PublishingTransactions {
  private readonly runners = new WeakMap<QueryRunner, Publishing>();
  readonly close: () => void;

  constructor(
    dataSource: DataSource,
    private readonly dialect: Dialect,
  ) {
    const subscriber: EntitySubscriberInterface = {
      beforeQuery: ({ queryRunner, query }) => this.beforeStatement(queryRunner, query),
      afterQuery: ({ queryRunner, success, error }) => {
        if (!success) this.afterError(queryRunner, error);
        else if (dialect.errorsAbort) delete this.runners.get(queryRunner)?.aborting;
      },
      afterTransactionCommit: ({ queryRunner }) => this.afterNested(queryRunner, 'commits'),
      afterTransactionRollback: ({ queryRunner }) => this.afterNested(queryRunner, 'rolls-back'),
    };
    this.close = () => {
      const at = dataSource.subscribers.indexOf(subscriber);
      if (at >= 0) dataSource.subscribers.splice(at, 1);
    };
    dataSource.subscribers.push(subscriber);
  }

  /**
   * Runs a publish when those that came before it on this runner have ended.
   *
   * @throws TransactionEndedError when the runner's transaction has ended, or is about to
   */
  async join<T>(runner: QueryRunner, publish: () => Promise<T>): Promise<T> {
    const publishing = this.of(runner);
    // A scope of the library's own answers itself for what its handler has left running.
    if (publishing.over && !isGuarded(runner)) throw new TransactionEndedError(publishing.over);
    publishing.joined = true;
    const publication = publishing.turn.then(publish);
    publishing.turn = publication.catch(() => undefined);
    publishing.inFlight.add(publication);
    try {
      return await publication;
    } finally {
      publishing.inFlight.delete(publication);
    }
  }

  /**
   * Before a publish writes: SQLite and PostgreSQL say where they stand before a statement, and would make it durable at
   * once.
   *
   * @throws TransactionEndedError
   */
  async refuseOutside(runner: QueryRunner): Promise<void> {
    const { engine } = this.dialect;
    if (engine === 'mysql') return;
    const connection: unknown = await runner.connect();
    if (engine === 'sqlite' && (connection as { inTransaction?: boolean }).inTransaction === false) {
      throw new TransactionEndedError(
        'SQLite says that the connection is in no transaction (an earlier error has ended it)',
      );
    }
    if (engine === 'postgres' && isOutOfTransaction(connection as PostgresClient)) {
      throw new TransactionEndedError(
        'PostgreSQL says that the session is in no transaction (a COMMIT or ROLLBACK of your own has ended it)',
      );
    }
  }

  /**
   * After it has written: MySQL and MariaDB say only then whether it was in a transaction.
   *
   * @param takeBack tells how many of them could not be taken back, because a relay had sent them
   * @throws TransactionEndedError when it was in none, and what it wrote was taken back
   */
  async takeBackOutside(session: SessionState | undefined, takeBack: () => Promise<number>): Promise<void> {
    if (!session || session.inTransaction) return;
    const sent = await takeBack();
    throw new TransactionEndedError(
      'the server says that the session is in no transaction (an earlier error, such as a deadlock, or DDL has ended it)',
      { sent },
    );
  }

  /** A publish of several batches failed when some of them were written. */
  spoil(runner: QueryRunner, cause: unknown): void {
    if (isGuarded(runner)) doomScopeOf(runner, cause);
    else this.of(runner).spoilt ??= { depth: depthOf(runner), cause };
  }

  /** TypeORM waits for what this returns. */
  private beforeStatement(runner: QueryRunner, sql: string): Promise<void> | void {
    const boundary = boundaryOf(sql);
    if (!boundary || isGuarded(runner)) return undefined;
    if (boundary === 'begins') this.runners.delete(runner);
    else return this.atBoundary(runner, boundary);
  }

  private async atBoundary(runner: QueryRunner, boundary: 'nests' | 'commits' | 'rolls-back'): Promise<void> {
    const publishing = this.of(runner);
    while (publishing.inFlight.size > 0) await Promise.allSettled(publishing.inFlight);
    if (boundary === 'nests') return;
    publishing.over ??= 'its COMMIT or ROLLBACK has been sent';
    const { spoilt } = publishing;
    if (spoilt && boundary === 'commits') {
      throw new PublishIncompleteError(
        `A publishAll failed when part of its messages were written (${describeError(spoilt.cause)}), so its transaction can only be rolled back. Let that error end the transaction.`,
        { cause: spoilt.cause },
      );
    }
    const { joined, aborting } = publishing;
    if (joined && aborting && boundary === 'commits') {
      throw new PublishIncompleteError(
        `A statement of a transaction that published has failed (${describeError(aborting.cause)}), which aborts it: COMMIT would roll it back, and say nothing of that. ` +
          'Let that error end the transaction, or have it in a nested one (manager.transaction) that is rolled back by itself.',
        { cause: aborting.cause },
      );
    }
  }

  /** What a nested transaction had spoilt is gone when it rolls back. */
  private afterNested(runner: QueryRunner, how: 'commits' | 'rolls-back'): void {
    const publishing = this.runners.get(runner);
    if (!publishing?.spoilt || !runner.isTransactionActive) return;
    const depth = depthOf(runner);
    if (publishing.spoilt.depth <= depth) return;
    if (how === 'rolls-back') delete publishing.spoilt;
    else publishing.spoilt.depth = depth;
  }

  private afterError(runner: QueryRunner, error: unknown): void {
    if (this.dialect.errorsAbort && !isGuarded(runner)) this.of(runner).aborting ??= { cause: error };
    if (!this.dialect.undoesTransaction(error) || isGuarded(runner)) return;
    this.of(runner).over ??= 'an error of the database, such as a deadlock, has rolled it back';
  }

  private of(runner: QueryRunner): Publishing {
    const known: Publishing = this.runners.get(runner) ?? { inFlight: new Set(), turn: Promise.resolve() };
    this.runners.set(runner, known);
    return known;
  }
}
