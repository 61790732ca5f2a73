import type { DataSource, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { depthOf } from './transaction-depth.js';

/**
 * Tells when a transaction of the app has committed, and what was noted for it. A hint only: what a raw ROLLBACK TO took
 * back is not noticed.
 */
export class CommitBell<Note> {
  /** Each with how deep in nested transactions it was noted. */
  private readonly notes = new WeakMap<QueryRunner, { note: Note; depth: number }[]>();
  private readonly unsubscribe: () => void;

  constructor(
    dataSource: DataSource,
    private readonly onCommitted: (notes: readonly Note[]) => void,
  ) {
    const subscriber: EntitySubscriberInterface = {
      afterTransactionCommit: ({ queryRunner }) => this.committed(queryRunner),
      afterTransactionRollback: ({ queryRunner }) => this.rolledBack(queryRunner),
    };
    this.unsubscribe = () => {
      const at = dataSource.subscribers.indexOf(subscriber);
      if (at >= 0) dataSource.subscribers.splice(at, 1);
    };
    dataSource.subscribers.push(subscriber);
  }

  /** Something to tell when the transaction of this runner has committed. */
  expect(runner: QueryRunner, note: Note): void {
    const notes = this.notes.get(runner) ?? [];
    this.notes.set(runner, notes);
    notes.push({ note, depth: depthOf(runner) });
  }

  close(): void {
    this.unsubscribe();
  }

  private committed(runner: QueryRunner): void {
    const notes = this.notes.get(runner);
    if (!notes) return;
    // A nested transaction ends with this event too.
    if (runner.isTransactionActive) {
      for (const one of notes) one.depth = Math.min(one.depth, depthOf(runner));
      return;
    }
    this.notes.delete(runner);
    this.onCommitted(notes.map(({ note }) => note));
  }

  private rolledBack(runner: QueryRunner): void {
    const notes = this.notes.get(runner);
    if (!notes) return;
    if (!runner.isTransactionActive) this.notes.delete(runner);
    else
      this.notes.set(
        runner,
        notes.filter(({ depth }) => depth <= depthOf(runner)),
      );
  }
}
