import type { Transport } from '../transport/port.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import { DeliveryProcessor, type ProcessorDeps } from './delivery-processor.js';
import type { ScenarioSources } from './forgetting/scenario-sources.js';
import { IsolationGate } from './isolation-gate.js';
import { SubscriptionWorker, type WorkerOptions } from './subscription-worker.js';

/** The workers of one module instance: one for each decorated handler. */
export class Consumers {
  private readonly workers: SubscriptionWorker[] = [];
  private stopping: Promise<unknown> | undefined;

  constructor(
    private readonly transport: Transport,
    private readonly deps: ProcessorDeps & { sources: ScenarioSources },
    private readonly options: WorkerOptions,
  ) {}

  /** Subscribes every group, so that nothing is missed from here on, then begins to claim. */
  async start(consumers: readonly DiscoveredConsumer[]): Promise<void> {
    const gate = IsolationGate.ofProcess();
    for (const consumer of consumers) {
      const { group, subscriptionVersion: version = 1 } = consumer.options;
      const subscription = await this.transport.subscribe({ topic: consumer.topic.name, group, version });
      if (consumer.kind === 'idempotent') await this.deps.sources.register(consumer.scenario, subscription);
      const processor = new DeliveryProcessor(this.deps, consumer);
      this.workers.push(
        new SubscriptionWorker(
          subscription,
          consumer,
          this.transport,
          processor,
          gate,
          this.deps.events,
          this.options,
        ),
      );
    }
    for (const { name, topic, options } of consumers) {
      this.deps.events.emit({ type: 'consuming', topic: topic.name, group: options.group, handler: name });
    }
    // The process may have been told to stop meanwhile.
    if (!this.stopping) for (const worker of this.workers) worker.start();
  }

  /** May be called at any time, and again: whoever calls it waits for the handlers, since connections close next. */
  stop(timeoutMs: number): Promise<unknown> {
    return (this.stopping ??= Promise.all(this.workers.map((worker) => worker.stop(timeoutMs))));
  }
}
