import { setTimeout as pause } from 'node:timers/promises';
import {
  type BizIdConflict,
  type BizIdConflictError,
  ConnectionLostError,
  InvalidOptionError,
  describeError,
  describeErrorAtLength,
  describeErrorCode,
} from '../errors/index.js';
import type { IdempotentMqEvents, DeadLetterReason } from '../events/index.js';
import { backoffMs } from '../waiting/index.js';
import { ping, withDeadline } from '../storage/index.js';
import type { GuardedTracing } from '../tracing/index.js';
import { errorsAtNoCost, withError } from './attempt-history.js';
import { consumeBatchAtLeastOnce } from './batch/consume-batch-at-least-once.js';
import { consumeAtLeastOnce } from './consume-at-least-once.js';
import { type ConsumptionDeps, consumeIdempotently } from './consume-idempotently.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import type { HeldDelivery } from './held-delivery.js';
import type { Outcome } from './outcome.js';
import { consumeSlice } from './slice/consume-slice.js';
import type { SliceResult } from './slice/manner.js';
import { contentionDelayMs, isWorthRetrying, type RetryIfMisbehaviour } from './retry-policy.js';
import { attemptInSpan, beginSpan, endSpan, noteOutcome, togetherSpan } from './traced-delivery.js';

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

interface Settling {
  stopping: AbortSignal;
  onNotRun: (error: unknown) => void;
}

/** What says nothing of whether handlers can be run. */
const NOT_RUN: ReadonlySet<Outcome['kind']> = new Set([
  'not-run',
  'connection-lost',
  'commit-unknown',
  'ack-lost',
  'lease-lost',
]);
/** How soon the broker is told again what it could not be told. Milliseconds. */
const TELL_AGAIN = { delayMs: 200, maxDelayMs: 5_000 };

/** Runs one attempt of a delivery, and does what its outcome asks for. */
export class DeliveryProcessor {
  private toldOfRetryIf = false;

  constructor(
    private readonly deps: ProcessorDeps,
    private readonly consumer: DiscoveredConsumer,
  ) {}

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
    await this.deadLetter(held, 'process-lost', error).finally(() => held.span?.end(error));
  }

  private expired(held: HeldDelivery): Promise<void> {
    return this.deadLetter(held, 'expired', 'Its time (expiresAt) was over before it could be handled.');
  }

  async giveBack(held: HeldDelivery, reason: string, delayMs: number, stopping: AbortSignal): Promise<void> {
    const giveBack = () => this.deps.transport.giveBack(held.claimed, delayMs);
    if (await this.untilTold(giveBack, stopping)) {
      this.emit(held, { type: 'given-back', reason, delayMs });
    } else {
      this.emit(held, { type: 'lease-lost' });
    }
  }

  /**
   * What the broker isn't told, nobody runs until the lease has run out: so it is tried again for that long. After a COMMIT
   * that got no answer the next try finds the lease gone, which is what was wanted. A shutdown waits for one try.
   */
  private async untilTold(tell: () => Promise<boolean>, stopping: AbortSignal): Promise<boolean> {
    const deadline = performance.now() + this.consumer.settings.leaseMs;
    for (let tries = 1; ; tries++) {
      try {
        return await tell();
      } catch (error) {
        if (stopping.aborted || performance.now() >= deadline) throw error;
        await pause(backoffMs(tries, TELL_AGAIN), undefined, { signal: stopping }).catch(() => undefined);
      }
    }
  }

  private begin(held: HeldDelivery): void {
    held.begin();
    if (!this.deps.events.wants('delivered')) return;
    const { attempt } = held;
    this.emit(held, { type: 'delivered', attempt, redelivered: attempt > 1 });
  }

  private acknowledged(held: HeldDelivery): void {
    this.deps.transport.finished(held.claimed.seq);
    if (!this.deps.events.wants('acknowledged')) return;
    const { tookMs = 0, ageMs } = held;
    this.emit(held, { type: 'acknowledged', tookMs, ageMs });
  }

  private absorbed(held: HeldDelivery): void {
    this.deps.transport.finished(held.claimed.seq);
    if (this.deps.events.wants('duplicate-absorbed')) this.emit(held, { type: 'duplicate-absorbed' });
  }

  private async runAlone(held: HeldDelivery, options: ProcessOptions): Promise<boolean> {
    if (held.isExpired) {
      await this.expired(held);
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
      await this.settle(held, rightly, settling);
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

  private async settle(held: HeldDelivery, outcome: Outcome, settling: Settling): Promise<void> {
    switch (outcome.kind) {
      case 'done':
        return this.acknowledged(held);
      case 'absorbed':
        return this.absorbed(held);
      case 'later':
        return this.retry(held, settling, outcome.error, held.claimed.failures, outcome.delayMs);
      case 'not-run':
        return this.notRun(held, settling, outcome.error);
      case 'connection-lost':
        return this.connectionLost(held, settling, outcome.error);
      case 'failed':
        return this.failed(held, settling, outcome.error);
      case 'expired':
        return this.expired(held);
      case 'rejected':
        return this.deadLetter(held, 'rejected', outcome.error);
      case 'too-old':
        return this.deadLetter(held, 'too-old-to-judge', outcome.error);
      case 'conflict':
        return this.conflict(held, outcome.error);
      case 'torn':
        return this.torn(held, outcome.error);
      case 'commit-unknown':
        this.emit(held, { type: 'commit-unknown', error: describeError(outcome.error) });
        // If it committed, the delivery is gone and this changes nothing; if not, it saves waiting for the lease.
        await this.giveBack(held, 'COMMIT got no answer', contentionDelayMs(), settling.stopping);
        return this.deps.transport.finished(held.claimed.seq);
      case 'ack-lost':
        return this.emit(held, { type: 'ack-lost', error: describeError(outcome.error) });
      case 'lease-lost':
        return this.emit(held, { type: 'lease-lost' });
    }
  }

  /** Others in the way pass by themselves. What else keeps a handler from being run takes longer, or an operator. */
  private async notRun(held: HeldDelivery, { stopping, onNotRun }: Settling, error: unknown): Promise<void> {
    const { dialect } = this.deps.connections.database;
    const passes = dialect.isContention(error) || held.abortedBy !== undefined;
    if (!passes) onNotRun(error);
    const delayMs = passes ? contentionDelayMs() : 10 * contentionDelayMs();
    await this.giveBack(held, describeError(error), delayMs, stopping);
  }

  /**
   * A database that is away is nobody's fault. If it is there, the handler may have brought it about, and would for ever;
   * or an operator has: so it costs nothing the first few times, and an attempt from then on.
   */
  private async connectionLost(held: HeldDelivery, settling: Settling, cause: unknown): Promise<void> {
    if (!(await this.databaseAnswers())) return this.notRun(held, settling, cause);
    const error = new ConnectionLostError(
      `A connection of ${this.consumer.name} was lost (${describeError(cause)}), though the database answers: ` +
        'it was killed, or there was a failover; or the handler kept the event loop from running for longer than two leases, or sent more than max_allowed_packet.',
      { cause },
    );
    const { failures, lostLeases, errors: earlier } = held.claimed;
    if (errorsAtNoCost(earlier) >= LOST_CONNECTIONS_AT_NO_COST) return this.failed(held, settling, error);
    settling.onNotRun(error);
    const delayMs = 10 * contentionDelayMs();
    const errors = withError(earlier, error, { atNoCost: true });
    const { transport } = this.deps;
    const setAside = () => transport.retryLater(held.claimed, { failures, lostLeases, errors }, delayMs);
    if (await this.untilTold(setAside, settling.stopping)) {
      this.emit(held, { type: 'given-back', reason: describeError(error), delayMs });
    } else {
      this.emit(held, { type: 'lease-lost' });
    }
  }

  private databaseAnswers(): Promise<boolean> {
    return withDeadline(
      this.deps.connections.control(ping),
      ANSWERS_WITHIN_MS,
      'The database',
      () => undefined,
    ).then(
      () => true,
      () => false,
    );
  }

  private async failed(held: HeldDelivery, settling: Settling, error: unknown): Promise<void> {
    const failures = held.claimed.failures + 1;
    const { retry } = this.consumer.settings;
    if (!isWorthRetrying(error, retry, (misbehaviour) => this.tellOfRetryIf(misbehaviour)))
      return this.deadLetter(held, 'rejected', error);
    if (failures >= retry.attempts) return this.deadLetter(held, 'failed', error);
    await this.retry(held, settling, error, failures, backoffMs(failures, retry));
  }

  /** Once, as the next failure would say the same. */
  private tellOfRetryIf(misbehaviour: RetryIfMisbehaviour): void {
    if (this.toldOfRetryIf) return;
    this.toldOfRetryIf = true;
    const { name } = this.consumer;
    if ('threw' in misbehaviour) {
      const { threw: cause } = misbehaviour;
      const message = `The retryIf of ${name} threw, so its failures are tried again: ${describeError(cause)}`;
      return this.deps.onStray(new Error(message, { cause }));
    }
    const expected =
      'a function that returns true or false; what it returned counts as true, so that nothing is given up for it';
    this.deps.onStray(new InvalidOptionError(`retry.retryIf of ${name}`, misbehaviour.answered, expected));
  }

  private async retry(
    held: HeldDelivery,
    { stopping }: Settling,
    error: unknown,
    failures: number,
    delayMs: number,
  ): Promise<void> {
    const { lostLeases } = held.claimed;
    const requested = failures === held.claimed.failures;
    const errors = requested ? held.claimed.errors : withError(held.claimed.errors, error);
    const { transport } = this.deps;
    const setAside = () => transport.retryLater(held.claimed, { failures, lostLeases, errors }, delayMs);
    if (await this.untilTold(setAside, stopping)) {
      const { attempts } = this.consumer.settings.retry;
      this.emit(held, {
        type: 'retry-scheduled',
        failures,
        attempts,
        requested,
        delayMs,
        tookMs: held.tookMs ?? 0,
        ...this.about(error),
      });
    } else {
      this.emit(held, { type: 'lease-lost' });
    }
  }

  private async conflict(held: HeldDelivery, error: BizIdConflictError): Promise<void> {
    if (!(await this.putToDeadLetters(held, 'biz-id-conflict', error))) return;
    const { fingerprint, knownFingerprint, tookEffectAt } = error;
    const { scenario } = this.consumer;
    this.emit(held, { type: 'biz-id-conflict', scenario, fingerprint, knownFingerprint, tookEffectAt });
  }

  private async torn(held: HeldDelivery, error: unknown): Promise<void> {
    if (!(await this.putToDeadLetters(held, 'torn', error))) return;
    const { scenario } = this.consumer;
    this.emit(held, { type: 'torn', scenario, error: describeError(error) });
  }

  private async deadLetter(held: HeldDelivery, reason: DeadLetterReason, error: unknown): Promise<void> {
    await this.putToDeadLetters(held, reason, error);
  }

  /** @returns whether it is there now: not where the lease was lost */
  private async putToDeadLetters(
    held: HeldDelivery,
    reason: DeadLetterReason,
    error: unknown,
  ): Promise<boolean> {
    const { failures, lostLeases } = held.claimed;
    const attempt = {
      failures: failures + (reason === 'failed' ? 1 : 0),
      lostLeases,
      errors: withError(held.claimed.errors, error),
    };
    const isDead = await this.deps.transport.deadLetter(held.claimed, attempt, reason);
    const { tookMs } = held;
    if (isDead) this.emit(held, { type: 'dead-lettered', reason, tookMs, ...this.about(error) });
    else this.emit(held, { type: 'lease-lost' });
    return isDead;
  }

  private about(error: unknown) {
    const { name: handler } = this.consumer;
    return {
      handler,
      error: describeError(error),
      stack: describeErrorAtLength(error),
      code: describeErrorCode(error),
    };
  }

  private emit(held: HeldDelivery, event: DeliveryEvent): void {
    const { topic, options } = this.consumer;
    this.deps.events.emit({ ...event, topic: topic.name, group: options.group, bizId: held.bizId });
    noteOutcome(held, event);
  }
}

/**
 * In a delivery's life, while the database answered. An operator may kill a connection, or several in a row; a handler
 * that loses its connection each time gets to the dead letters only a little later.
 */
const LOST_CONNECTIONS_AT_NO_COST = 3;
const ANSWERS_WITHIN_MS = 1_000;

/** Where the ACK comes after the COMMIT. */
const OUTCOME_UNKNOWN =
  ' Outcome unknown: it may have taken effect, and only its ACK have been lost. A requeue meets its dedup row then, and does no harm.';

type DeliveryEvent =
  | { type: 'delivered'; attempt: number; redelivered: boolean }
  | { type: 'acknowledged'; tookMs: number; ageMs: number }
  | { type: 'duplicate-absorbed' | 'lease-lost' }
  | { type: 'given-back'; reason: string; delayMs: number }
  | ({
      type: 'retry-scheduled';
      failures: number;
      attempts: number;
      requested: boolean;
      delayMs: number;
      tookMs: number;
    } & AboutError)
  | ({ type: 'dead-lettered'; reason: DeadLetterReason; tookMs: number | undefined } & AboutError)
  | { type: 'torn'; scenario: string; error: string }
  | ({ type: 'biz-id-conflict'; scenario: string } & BizIdConflict)
  | { type: 'commit-unknown' | 'ack-lost'; error: string };

interface AboutError {
  handler: string;
  error: string;
  stack: string;
  code: string | undefined;
}

/** A handler that failed because it was told to stop has not failed. What a lost lease costs is for the broker to count. */
function withoutItsFault({ abortedBy }: HeldDelivery, outcome: Outcome): Outcome {
  const { kind } = outcome;
  if (kind !== 'failed' && kind !== 'connection-lost') return outcome;
  if (abortedBy === 'shutdown') return { kind: 'not-run', error: outcome.error };
  return abortedBy === 'lease-lost' ? { kind: 'lease-lost' } : outcome;
}
