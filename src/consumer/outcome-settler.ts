import { setTimeout as pause } from 'node:timers/promises';
import {
  type BizIdConflictError,
  ConnectionLostError,
  InvalidOptionError,
  describeError,
} from '../errors/index.js';
import type { DeadLetterReason } from '../events/index.js';
import { ping, withDeadline } from '../storage/index.js';
import { backoffMs } from '../waiting/index.js';
import { errorsAtNoCost, withError } from './attempt-history.js';
import type { ConsumptionDeps } from './consume-idempotently.js';
import type { DiscoveredConsumer } from './consumer.explorer.js';
import type { DeliveryEvents } from './delivery-events.js';
import type { HeldDelivery } from './held-delivery.js';
import type { Outcome } from './outcome.js';
import { type RetryIfMisbehaviour, contentionDelayMs, isWorthRetrying } from './retry-policy.js';

export interface Settling {
  /** Aborts when the process shuts down. */
  stopping: AbortSignal;
  /** Hears why the handler could not be run. */
  onNotRun: (error: unknown) => void;
}

/** How soon the broker is told again what it could not be told. Milliseconds. */
const TELL_AGAIN = { delayMs: 200, maxDelayMs: 5_000 };

/**
 * In a delivery's life, while the database answered. An operator may kill a connection, or several in a row; a handler
 * that loses its connection each time gets to the dead letters only a little later.
 */
const LOST_CONNECTIONS_AT_NO_COST = 3;
const ANSWERS_WITHIN_MS = 1_000;

/** Does what the outcome of an attempt asks for: tells the broker, and whoever listens. */
export class OutcomeSettler {
  private toldOfRetryIf = false;

  constructor(
    private readonly deps: ConsumptionDeps,
    private readonly consumer: DiscoveredConsumer,
    private readonly events: DeliveryEvents,
  ) {}

  async settle(held: HeldDelivery, outcome: Outcome, settling: Settling): Promise<void> {
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
        this.events.emit(held, { type: 'commit-unknown', error: describeError(outcome.error) });
        // If it committed, the delivery is gone and this changes nothing; if not, it saves waiting for the lease.
        await this.giveBack(held, 'COMMIT got no answer', contentionDelayMs(), settling.stopping);
        return this.deps.transport.finished(held.claimed.seq);
      case 'ack-lost':
        return this.events.emit(held, { type: 'ack-lost', error: describeError(outcome.error) });
      case 'lease-lost':
        return this.events.emit(held, { type: 'lease-lost' });
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
      this.events.emit(held, { type: 'given-back', reason: describeError(error), delayMs });
    } else {
      this.events.emit(held, { type: 'lease-lost' });
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
      this.events.emit(held, {
        type: 'retry-scheduled',
        failures,
        attempts,
        requested,
        delayMs,
        tookMs: held.tookMs ?? 0,
        ...this.events.about(error),
      });
    } else {
      this.events.emit(held, { type: 'lease-lost' });
    }
  }

  private async conflict(held: HeldDelivery, error: BizIdConflictError): Promise<void> {
    if (!(await this.putToDeadLetters(held, 'biz-id-conflict', error))) return;
    const { fingerprint, knownFingerprint, tookEffectAt } = error;
    const { scenario } = this.consumer;
    this.events.emit(held, {
      type: 'biz-id-conflict',
      scenario,
      fingerprint,
      knownFingerprint,
      tookEffectAt,
    });
  }

  private async torn(held: HeldDelivery, error: unknown): Promise<void> {
    if (!(await this.putToDeadLetters(held, 'torn', error))) return;
    const { scenario } = this.consumer;
    this.events.emit(held, { type: 'torn', scenario, error: describeError(error) });
  }

  async deadLetter(held: HeldDelivery, reason: DeadLetterReason, error: unknown): Promise<void> {
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
    if (isDead)
      this.events.emit(held, { type: 'dead-lettered', reason, tookMs, ...this.events.about(error) });
    else this.events.emit(held, { type: 'lease-lost' });
    return isDead;
  }

  private acknowledged(held: HeldDelivery): void {
    this.deps.transport.finished(held.claimed.seq);
    this.events.acknowledged(held);
  }

  private absorbed(held: HeldDelivery): void {
    this.deps.transport.finished(held.claimed.seq);
    this.events.absorbed(held);
  }

  expired(held: HeldDelivery): Promise<void> {
    return this.deadLetter(held, 'expired', 'Its time (expiresAt) was over before it could be handled.');
  }

  async giveBack(held: HeldDelivery, reason: string, delayMs: number, stopping: AbortSignal): Promise<void> {
    const giveBack = () => this.deps.transport.giveBack(held.claimed, delayMs);
    if (await this.untilTold(giveBack, stopping)) {
      this.events.emit(held, { type: 'given-back', reason, delayMs });
    } else {
      this.events.emit(held, { type: 'lease-lost' });
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
}
