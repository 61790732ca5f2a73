import type { DataSource, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { TransactionEndedError } from '../errors/index.js';
import type { Dialect } from '../storage/index.js';
import { currentScope } from '../transaction/index.js';

interface Publishing {
  readonly inFlight: Set<Promise<unknown>>;
  /** Why no further publish may join. */
  over?: string;
}

/**
 * Keeps a publish whole in a transaction that its caller holds. A message without its deliveries would be lost, and
 * deliveries without their message would be handed out for ever: so nothing begins, commits or rolls back between the
 * statements of a publish that nobody awaited, and none joins once the end has begun. And in a session with autocommit
 * off nothing but the error itself tells that a deadlock has rolled everything back.
 */
export class PublishingTransactions {
  private readonly runners = new WeakMap<QueryRunner, Publishing>();
  readonly close: () => void;

  constructor(
    dataSource: DataSource,
    private readonly dialect: Dialect,
  ) {
    const subscriber = this.subscriber();
    this.close = () => {
      const at = dataSource.subscribers.indexOf(subscriber);
      if (at >= 0) dataSource.subscribers.splice(at, 1);
    };
    dataSource.subscribers.push(subscriber);
  }

  /** @throws TransactionEndedError when the runner's transaction has ended, or is about to */
  async join<T>(runner: QueryRunner, publish: () => Promise<T>): Promise<T> {
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

  private subscriber(): EntitySubscriberInterface {
    return {
      beforeTransactionStart: ({ queryRunner }) => this.settled(queryRunner),
      afterTransactionStart: ({ queryRunner }) => {
        if (depthOf(queryRunner) <= 1) this.runners.delete(queryRunner);
      },
      beforeTransactionCommit: ({ queryRunner }) => this.ending(queryRunner, 'its COMMIT has begun'),
      beforeTransactionRollback: ({ queryRunner }) => this.ending(queryRunner, 'its ROLLBACK has begun'),
      afterQuery: ({ queryRunner, success, error }) => {
        if (success || !this.dialect.undoesTransaction(error)) return;
        this.of(queryRunner).over ??= 'an error of the database, such as a deadlock, has rolled it back';
      },
    };
  }

  private async ending(runner: QueryRunner, over: string): Promise<void> {
    await this.settled(runner);
    if (depthOf(runner) <= 1) this.of(runner).over ??= over;
  }

  private async settled(runner: QueryRunner): Promise<void> {
    // A scope of the library's own answers for what its handler left running.
    if (currentScope()?.manager.queryRunner === runner) return;
    const { inFlight } = this.of(runner);
    while (inFlight.size > 0) await Promise.allSettled(inFlight);
  }

  private of(runner: QueryRunner): Publishing {
    const known = this.runners.get(runner) ?? { inFlight: new Set() };
    this.runners.set(runner, known);
    return known;
  }
}

/** 1 in the outermost transaction, more in nested ones. TypeORM keeps it protected. */
function depthOf(runner: QueryRunner): number {
  return (runner as unknown as { transactionDepth: number }).transactionDepth;
}
