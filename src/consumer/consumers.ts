import { setTimeout as pause } from 'node:timers/promises';
import {
  AckTimeoutError,
  BrokerUnreachableError,
  StatementTimeoutError,
  describeError,
} from '../errors/index.js';
import type { IdempotentMqEvent } from '../events/index.js';
import { isUnreachable } from '../storage/index.js';
import type { Subscription, Transport } from '../transport/port.js';
import { backoffMs } from '../waiting/index.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import type { ContractWatch } from './contract-watch.js';
import type { DedupWatch } from './dedup-watch.js';
import { DeliveryProcessor, type ProcessorDeps } from './delivery-processor.js';
import type { ScenarioSources } from './forgetting/scenario-sources.js';
import { IsolationGate } from './isolation-gate.js';
import { SubscriptionWorker, type WorkerOptions } from './subscription-worker.js';

/** How often it tries to subscribe while the broker is away, in milliseconds. */
const RETRY = { delayMs: 500, maxDelayMs: 5_000 };

/** The workers of one module instance: one for each decorated handler. */
export class Consumers {
  private readonly workers: SubscriptionWorker[] = [];
  private readonly stopped = new AbortController();
  private stopping: Promise<void> | undefined;
  private beginning: Promise<void> | undefined;

  constructor(
    private readonly transport: Transport,
    private readonly deps: ProcessorDeps & {
      sources: ScenarioSources;
      contracts: ContractWatch;
      dedups: DedupWatch;
    },
    private readonly options: WorkerOptions,
  ) {}

  /**
   * Subscribes every group, so that nothing is missed from here on, then begins to claim. Where the broker is away, it
   * goes on trying after this has returned.
   */
  async start(consumers: readonly DiscoveredConsumer[]): Promise<void> {
    try {
      await this.begin(consumers);
    } catch (error) {
      if (this.transport.colocated || !isAway(error)) throw error;
      this.beginning = this.beginLater(consumers);
    }
  }

  /** May be called at any time, and again: whoever calls it waits for the handlers, since connections close next. */
  stop(timeoutMs: number): Promise<unknown> {
    return (this.stopping ??= this.stopAll(timeoutMs));
  }

  private async stopAll(timeoutMs: number): Promise<void> {
    this.stopped.abort();
    await this.beginning;
    await Promise.all(this.workers.map((worker) => worker.stop(timeoutMs)));
  }

  private async begin(consumers: readonly DiscoveredConsumer[]): Promise<void> {
    const gate = IsolationGate.ofProcess();
    const workers: SubscriptionWorker[] = [];
    for (const consumer of consumers) {
      const subscription = await this.subscribe(consumer);
      if (consumer.kind === 'idempotent') {
        const was = await this.deps.sources.register(consumer.scenario, subscription);
        if (was !== undefined) {
          const { topic, group } = subscription;
          this.deps.events.emit({
            type: 'scenario-changed',
            topic,
            group,
            was,
            now: consumer.scenario,
          });
        }
        await this.checkContract(consumer);
      }
      const processor = new DeliveryProcessor(this.deps, consumer);
      const { events } = this.deps;
      workers.push(
        new SubscriptionWorker(subscription, consumer, this.transport, processor, gate, events, this.options),
      );
    }
    for (const { name, topic, options } of consumers) {
      this.deps.events.emit({ type: 'consuming', topic: topic.name, group: options.group, handler: name });
    }
    // The process may have been told to stop meanwhile.
    if (this.stopped.signal.aborted) return;
    this.workers.push(...workers);
    for (const worker of workers) worker.start();
  }

  private async subscribe(consumer: DiscoveredConsumer): Promise<Subscription> {
    const { group, subscriptionVersion: version = 1 } = consumer.options;
    const { dedups } = this.deps;
    const dedup = await dedups.idFor(consumer);
    const { perTransaction, batch } = consumer.settings;
    const concurrency = consumer.settings.concurrency * (batch?.max ?? perTransaction);
    const request = { topic: consumer.topic.name, group, version, dedup, concurrency };
    const { otherDedup, ...subscription } = await this.transport.subscribe(request);
    if (dedup && otherDedup) dedups.tell(consumer, dedup, otherDedup);
    return subscription;
  }

  /** No consumer stays away for a warning that could not be given. */
  private async checkContract(consumer: DiscoveredConsumer): Promise<void> {
    try {
      await this.deps.contracts.check(consumer);
    } catch (error) {
      this.options.warn(
        `Whether the biz-ids of ${consumer.name} are still read as before could not be found out: ${describeError(error)}`,
      );
    }
  }

  private async beginLater(consumers: readonly DiscoveredConsumer[]): Promise<void> {
    const { signal } = this.stopped;
    for (let tries = 1; !signal.aborted; tries++) {
      await pause(backoffMs(tries, RETRY), undefined, { signal }).catch(() => undefined);
      if (signal.aborted) return;
      try {
        await this.begin(consumers);
        return this.tell(consumers, (about) => ({ type: 'worker-recovered', ...about }));
      } catch (error) {
        this.tell(consumers, (about) => ({ type: 'worker-error', ...about, error: describeError(error) }));
      }
    }
  }

  private tell(
    consumers: readonly DiscoveredConsumer[],
    event: (about: { topic: string; group: string }) => IdempotentMqEvent,
  ): void {
    for (const { topic, options } of consumers) {
      this.deps.events.emit(event({ topic: topic.name, group: options.group }));
    }
  }
}

/** The broker may have gone since the process looked. */
function isAway(error: unknown): boolean {
  const isOwn = [BrokerUnreachableError, StatementTimeoutError, AckTimeoutError].some(
    (kind) => error instanceof kind,
  );
  return isOwn || isUnreachable(error);
}
