import type { IdempotentMqEvents } from '../events/index.js';
import type { GuardedTracing } from '../tracing/index.js';
import { consumeBatchAtLeastOnce } from './batch/consume-batch-at-least-once.js';
import { consumeAtLeastOnce } from './consume-at-least-once.js';
import { type ConsumptionDeps, consumeIdempotently } from './consume-idempotently.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import { DeliveryEvents } from './delivery-events.js';
import type { HeldDelivery } from './held-delivery.js';
import type { Outcome } from './outcome.js';
import { OutcomeSettler } from './outcome-settler.js';
import { consumeSlice } from './slice/consume-slice.js';
import type { SliceResult } from './slice/manner.js';
import { attemptInSpan, beginSpan, endSpan, togetherSpan } from './traced-delivery.js';

export interface ProcessorDeps extends ConsumptionDeps {
  events: IdempotentMqEvents;
  tracing?: GuardedTracing | undefined;
}

interface ProcessOptions {
  /** Aborts when the process shuts down. */
  stopping: AbortSignal;
  /** Hears why a handler could not be run. */
  onNotRun: (error: unknown, about: { handler: string; bizId: string }) => void;
}

/** What says nothing of whether handlers can be run. */
const NOT_RUN: ReadonlySet<Outcome['kind']> = new Set([
  'not-run',
  'connection-lost',
  'commit-unknown',
  'ack-lost',
  'lease-lost',
]);

/** Runs one attempt of a delivery, and sees to it that its outcome is settled. */
export class DeliveryProcessor {
  private readonly settler: OutcomeSettler;
  private readonly events: DeliveryEvents;

  constructor(
    private readonly deps: ProcessorDeps,
    private readonly consumer: DiscoveredConsumer,
  ) {
    this.events = new DeliveryEvents(deps.events, consumer);
    this.settler = new OutcomeSettler(deps, consumer, this.events);
  }

  /** @returns whether the handler could be run, or was rightly not */
  async process(held: HeldDelivery, options: ProcessOptions): Promise<boolean> {
    beginSpan(this.deps.tracing, this.consumer, held);
    if (!held.isExpired) this.begin(held);
    try {
      return await this.runAlone(held, options);
    } finally {
      held.span?.end();
    }
  }

  /**
   * One attempt of several deliveries together, and then of those that it has left: in smaller company, and in the end
   * alone. All that is one attempt of each.
   *
   * @returns whether all could be run, or were rightly not
   */
  async processSlice(slice: readonly HeldDelivery[], options: ProcessOptions): Promise<boolean> {
    for (const held of slice) beginSpan(this.deps.tracing, this.consumer, held);
    for (const held of slice) if (!held.isExpired) this.begin(held);
    try {
      const results = await this.runTogether(slice, options);
      const failure = results.find(({ status }) => status === 'rejected');
      if (failure?.status === 'rejected') throw failure.reason;
      return results.every((result) => result.status === 'fulfilled' && result.value);
    } finally {
      for (const { span } of slice) span?.end();
    }
  }

  private async runTogether(
    group: readonly HeldDelivery[],
    options: ProcessOptions,
  ): Promise<PromiseSettledResult<boolean>[]> {
    const [first, ...others] = group;
    if (!first) return [];
    if (others.length === 0) return Promise.allSettled([this.runAlone(first, options)]);
    const inTime = group.filter((held) => !held.isExpired);
    const { outcomes, next } = await this.attemptOf(inTime);
    // The broker may not be told of one: that keeps nobody else from being settled.
    const results = await Promise.allSettled(
      [...outcomes].map(([held, outcome]) => this.settleAttempt(held, outcome, options)),
    );
    const again = new Set(next.flat());
    const alone = group.filter((held) => !outcomes.has(held) && !again.has(held));
    for (const those of [...next, ...alone.map((held) => [held])])
      results.push(...(await this.runTogether(those, options)));
    return results;
  }

  private attemptOf(several: readonly HeldDelivery[]): Promise<SliceResult> {
    const span = togetherSpan(this.deps.tracing, this.consumer, several);
    return span ? attemptInSpan(span, several, () => this.consume(several)) : this.consume(several);
  }

  private consume(several: readonly HeldDelivery[]): Promise<SliceResult> {
    return this.consumer.kind === 'idempotent'
      ? consumeSlice(this.deps, this.consumer, several)
      : consumeBatchAtLeastOnce(this.deps, this.consumer, several);
  }

  /** Sends a delivery to the dead letters whose process died too often. */
  async giveUpOn(held: HeldDelivery): Promise<void> {
    const { lostLeases } = held.claimed;
    const error = new Error(
      `The process that ran it died or stalled ${lostLeases} times, ${held.leasesLostAlone} of them while it ran nothing else.${
        this.deps.transport.colocated ? '' : OUTCOME_UNKNOWN
      }`,
    );
    beginSpan(this.deps.tracing, this.consumer, held);
    await this.settler.deadLetter(held, 'process-lost', error).finally(() => held.span?.end(error));
  }

  giveBack(held: HeldDelivery, reason: string, delayMs: number, stopping: AbortSignal): Promise<void> {
    return this.settler.giveBack(held, reason, delayMs, stopping);
  }

  private begin(held: HeldDelivery): void {
    held.begin();
    this.events.delivered(held);
  }

  private async runAlone(held: HeldDelivery, options: ProcessOptions): Promise<boolean> {
    if (held.isExpired) {
      await this.settler.expired(held);
      return true;
    }
    const outcome = held.span ? held.span.run(() => this.attempt(held)) : this.attempt(held);
    return this.settleAttempt(held, await outcome, options);
  }

  private async settleAttempt(
    held: HeldDelivery,
    outcome: Outcome,
    { stopping, onNotRun }: ProcessOptions,
  ): Promise<boolean> {
    const about = { handler: this.consumer.name, bizId: held.bizId };
    const settling = { stopping, onNotRun: (error: unknown) => onNotRun(error, about) };
    const rightly = withoutItsFault(held, outcome);
    try {
      await this.settler.settle(held, rightly, settling);
    } finally {
      endSpan(held, rightly);
    }
    return !NOT_RUN.has(outcome.kind);
  }

  private async attempt(held: HeldDelivery): Promise<Outcome> {
    const { kind, settings } = this.consumer;
    if (kind === 'idempotent') return consumeIdempotently(this.deps, this.consumer, held);
    if (!settings.batch) return consumeAtLeastOnce(this.deps, this.consumer, held);
    const { outcomes } = await consumeBatchAtLeastOnce(this.deps, this.consumer, [held]);
    return outcomes.get(held)!;
  }
}

/** Where the ACK comes after the COMMIT. */
const OUTCOME_UNKNOWN =
  ' Outcome unknown: it may have taken effect, and only its ACK have been lost. A requeue meets its dedup row then, and does no harm.';

/** A handler that failed because it was told to stop has not failed. What a lost lease costs is for the broker to count. */
function withoutItsFault({ abortedBy }: HeldDelivery, outcome: Outcome): Outcome {
  const { kind } = outcome;
  if (kind !== 'failed' && kind !== 'connection-lost') return outcome;
  if (abortedBy === 'shutdown') return { kind: 'not-run', error: outcome.error };
  return abortedBy === 'lease-lost' ? { kind: 'lease-lost' } : outcome;
}
