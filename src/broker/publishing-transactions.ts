import type { DataSource, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { TransactionEndedError } from '../errors/index.js';
import { type Dialect, boundaryOf } from '../storage/index.js';
import { isGuarded } from '../transaction/index.js';

interface Publishing {
  readonly inFlight: Set<Promise<unknown>>;
  /** Why no further publish may join. */
  over?: string;
}

/**
 * Keeps a publish whole in a transaction that its caller holds. A message without its deliveries would be lost, and
 * deliveries without their message would be handed out for ever: so nothing begins, commits or rolls back between the
 * statements of a publish that nobody awaited, and none joins once the end is on its way. And in a session with
 * autocommit off nothing but the error itself tells that a deadlock has rolled everything back.
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
      },
    };
    this.close = () => {
      const at = dataSource.subscribers.indexOf(subscriber);
      if (at >= 0) dataSource.subscribers.splice(at, 1);
    };
    dataSource.subscribers.push(subscriber);
  }

  /** @throws TransactionEndedError when the runner's transaction has ended, or is about to */
  async join<T>(runner: QueryRunner, publish: () => Promise<T>): Promise<T> {
    // A scope of the library's own answers for what its handler has left running.
    if (isGuarded(runner)) return publish();
    const publishing = this.of(runner);
    if (publishing.over) throw new TransactionEndedError(publishing.over);
    const publication = publish();
    publishing.inFlight.add(publication);
    try {
      return await publication;
    } finally {
      publishing.inFlight.delete(publication);
    }
  }

  /** TypeORM waits for what this returns. */
  private beforeStatement(runner: QueryRunner, sql: string): Promise<void> | void {
    const boundary = boundaryOf(sql);
    if (!boundary || isGuarded(runner)) return undefined;
    if (boundary === 'begins') this.runners.delete(runner);
    else return this.atBoundary(runner, boundary === 'ends');
  }

  private async atBoundary(runner: QueryRunner, ends: boolean): Promise<void> {
    const publishing = this.of(runner);
    while (publishing.inFlight.size > 0) await Promise.allSettled(publishing.inFlight);
    if (ends) publishing.over ??= 'its COMMIT or ROLLBACK has been sent';
  }

  private afterError(runner: QueryRunner, error: unknown): void {
    if (!this.dialect.undoesTransaction(error) || isGuarded(runner)) return;
    this.of(runner).over ??= 'an error of the database, such as a deadlock, has rolled it back';
  }

  private of(runner: QueryRunner): Publishing {
    const known = this.runners.get(runner) ?? { inFlight: new Set() };
    this.runners.set(runner, known);
    return known;
  }
}
