import type { DataSource, EntitySubscriberInterface, QueryRunner } from 'typeorm';
import { depthOf } from './transaction-depth.js';

/** What a transaction has landed, and how deep in nested transactions that was. */
interface Landed {
  readonly topic: string;
  readonly count: number;
  readonly parked: number;
  depth: number;
}

/**
 * Tells when a transaction that published has committed: rings for the workers of this process, and says what landed. A
 * hint only: what a raw ROLLBACK TO took back is not noticed.
 */
export class LandedBell {
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly landed = new WeakMap<QueryRunner, Landed[]>();
  private readonly unsubscribe: () => void;

  constructor(
    dataSource: DataSource,
    private readonly onLanded: (landed: Omit<Landed, 'depth'>) => void,
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

  /** The transaction of this runner has messages for the topic. */
  expect(runner: QueryRunner, landed: Omit<Landed, 'depth'>): void {
    const all = this.landed.get(runner) ?? [];
    this.landed.set(runner, all);
    all.push({ ...landed, depth: depthOf(runner) });
  }

  listen(topic: string, listener: () => void): () => void {
    const listeners = this.listeners.get(topic) ?? new Set();
    this.listeners.set(topic, listeners.add(listener));
    return () => listeners.delete(listener);
  }

  close(): void {
    this.unsubscribe();
    this.listeners.clear();
  }

  private committed(runner: QueryRunner): void {
    const landed = this.landed.get(runner);
    if (!landed) return;
    // A nested transaction ends with this event too.
    if (runner.isTransactionActive) {
      for (const one of landed) one.depth = Math.min(one.depth, depthOf(runner));
      return;
    }
    this.landed.delete(runner);
    for (const { depth: _, ...one } of landed) this.onLanded(one);
    for (const topic of new Set(landed.map((one) => one.topic))) this.ring(topic);
  }

  private rolledBack(runner: QueryRunner): void {
    const landed = this.landed.get(runner);
    if (!landed) return;
    if (!runner.isTransactionActive) this.landed.delete(runner);
    else
      this.landed.set(
        runner,
        landed.filter(({ depth }) => depth <= depthOf(runner)),
      );
  }

  private ring(topic: string): void {
    this.listeners.get(topic)?.forEach((listener) => listener());
  }
}
