import type { DataSource, EntitySubscriberInterface, QueryRunner } from 'typeorm';

/** Rings for the workers of this process when a transaction that published to their topic has committed. A hint only. */
export class LandedBell {
  private readonly listeners = new Map<string, Set<() => void>>();
  private readonly rung = new WeakMap<QueryRunner, Set<string>>();

  constructor(dataSource: DataSource) {
    const subscriber: EntitySubscriberInterface = {
      afterTransactionCommit: ({ queryRunner }) => this.committed(queryRunner),
    };
    this.unsubscribe = () => {
      const at = dataSource.subscribers.indexOf(subscriber);
      if (at >= 0) dataSource.subscribers.splice(at, 1);
    };
    dataSource.subscribers.push(subscriber);
  }

  private readonly unsubscribe: () => void;

  /** The transaction of this runner has messages for the topic. */
  expect(runner: QueryRunner, topic: string): void {
    const topics = this.rung.get(runner);
    if (topics) topics.add(topic);
    else this.rung.set(runner, new Set([topic]));
  }

  ring(topic: string): void {
    this.listeners.get(topic)?.forEach((listener) => listener());
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
    // A nested transaction ends with this event too.
    if (runner.isTransactionActive) return;
    const topics = this.rung.get(runner);
    this.rung.delete(runner);
    topics?.forEach((topic) => this.ring(topic));
  }
}
