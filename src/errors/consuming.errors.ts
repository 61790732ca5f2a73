import { IdempotentMqError } from './idempotent-mq.error.js';
import { InvalidOptionError } from './options.errors.js';

const DAY_MS = 24 * 60 * 60 * 1000;
const TEN_YEARS_MS = 10 * 365 * DAY_MS;

/**
 * Throw it in a handler to have the delivery again after `delayMs` milliseconds: how long, not when, from 0 to ten years.
 * It costs no attempt.
 *
 * @throws InvalidOptionError for any other delay; in a handler that counts as a failure
 */
export class RetryLaterError extends IdempotentMqError {
  readonly code = 'RETRY_LATER';
  readonly delayMs: number;

  constructor(options: { delayMs: number; reason?: string }) {
    checkDelay(options?.delayMs);
    super(options.reason ?? `The handler asked for the delivery again in ${options.delayMs} ms.`);
    this.delayMs = options.delayMs;
  }
}

/** @throws InvalidOptionError; a point in time, passed as a delay, would be decades away */
export function checkDelay(delayMs: unknown): asserts delayMs is number {
  if (typeof delayMs === 'number' && delayMs >= 0 && delayMs <= TEN_YEARS_MS) return;
  throw new InvalidOptionError(
    'RetryLaterError({ delayMs })',
    delayMs,
    `a number of milliseconds from now, from 0 to ten years (${TEN_YEARS_MS})`,
  );
}

/** Throw it in a handler to send the delivery to the dead letters at once, without further attempts. */
export class RejectMessageError extends IdempotentMqError {
  readonly code = 'REJECTED';
}

/** The handler of an `ack: 'manual'` consumer returned without calling `delivery.ack()`: rolled back, comes again. */
export class AckMissingError extends IdempotentMqError {
  readonly code = 'ACK_MISSING';
}

/** The handler took longer than `timeoutMs`: its signal was aborted and its connection destroyed. */
export class DeliveryTimeoutError extends IdempotentMqError {
  readonly code = 'DELIVERY_TIMEOUT';
}

/** An interceptor answered without calling the handler. What the enhancers answer is not the handler's outcome. */
export class HandlerNotCalledError extends IdempotentMqError {
  readonly code = 'HANDLER_NOT_CALLED';
}

/** An interceptor called the handler more than once in one delivery (a `retry`, say). */
export class HandlerCalledTwiceError extends IdempotentMqError {
  readonly code = 'HANDLER_CALLED_TWICE';
}

/** The delivery belongs to somebody else by now: this process held it longer than its lease. */
export class LeaseLostError extends IdempotentMqError {
  readonly code = 'LEASE_LOST';
}

/** The reason of `delivery.signal` when the process shuts down. Nothing has failed: the delivery comes again elsewhere. */
export class ShuttingDownError extends IdempotentMqError {
  readonly code = 'SHUTTING_DOWN';

  constructor() {
    super('The process is shutting down.');
  }
}

/** A nested `IdempotentExecutor.run` met the key that its own transaction is still working on. */
export class DedupKeyInProgressError extends IdempotentMqError {
  readonly code = 'DEDUP_KEY_IN_PROGRESS';
}

/** A group was removed, and this (older) version of its subscription must not bring it back. */
export class SubscriptionRemovedError extends IdempotentMqError {
  readonly code = 'SUBSCRIPTION_REMOVED';
}

/** A new group could not subscribe, because transactions that had published to its topic did not end. */
export class TopicLockedError extends IdempotentMqError {
  readonly code = 'TOPIC_LOCKED';

  constructor(topic: string, waitedMs: number, options: { cause: unknown }) {
    super(
      `Topic ${topic} could not be locked within ${waitedMs} ms: a transaction that published to it is still open. ` +
        "Find it (information_schema.innodb_trx, pg_stat_activity, or SQLite's other processes), end it, and start again.",
      options,
    );
  }
}

/** Two groups share a scenario: the message had its effect in the other one, and is not skipped for it. */
export class ScenarioSharedError extends IdempotentMqError {
  readonly code = 'SCENARIO_SHARED';

  constructor(consumer: string, otherGroup: string) {
    super(
      `${consumer}: this very message had its effect in group ${otherGroup}, whose consumer has the same scenario, so this group would skip it. ` +
        "Give each group a scenario of its own (or leave it out). Then look for this group's effect: if it is not there, requeue the dead letter, or else purge it.",
    );
  }
}

/**
 * A delivery found no dedup row, and it landed so long ago that the row may have been forgotten: nobody can tell whether
 * it is a repeat. It is not run, but dead-lettered.
 */
export class TooOldToJudgeError extends IdempotentMqError {
  readonly code = 'TOO_OLD_TO_JUDGE';

  constructor(bizId: string, { ageMs, landedAt, mark }: { ageMs: number; landedAt: Date; mark: Date }) {
    super(
      `${bizId} landed ${(ageMs / DAY_MS).toFixed(1)} days ago (${landedAt.toISOString()}), before the mark (${mark.toISOString()}) up to which dedup rows may have been forgotten: ` +
        'nobody can tell whether it took effect before, so it is not run. Look for its effect. There: purge the dead letter. Not there: publish it again, as a new message, and purge this one. ' +
        'See docs/forgetting.md#too-old-to-judge.',
    );
  }
}

/** Two bodies under one biz-id. Fingerprints are 16 bytes in hexadecimal digits. */
export interface BizIdConflict {
  /** Of the body that was not run. */
  fingerprint: string;
  /** Of the body that had taken effect before. */
  knownFingerprint: string;
  /** When that one's dedup row was written, by the receiver's database. */
  tookEffectAt: Date;
}

/**
 * A biz-id came again with another body than the one that took effect, and its consumer (or the caller of
 * `IdempotentExecutor`) asked to be told: it is not run, and not taken for a repeat.
 */
export class BizIdConflictError extends IdempotentMqError implements BizIdConflict {
  readonly code = 'BIZ_ID_CONFLICT';
  readonly fingerprint: string;
  readonly knownFingerprint: string;
  readonly tookEffectAt: Date;

  /** @param remedy what to do about it where it came */
  constructor(what: string, conflict: BizIdConflict, remedy: string) {
    const { fingerprint, knownFingerprint, tookEffectAt } = conflict;
    super(
      `${what}: this biz-id took effect at ${tookEffectAt.toISOString()} with another body (fingerprint ${knownFingerprint}; this one has ${fingerprint}), ` +
        `so this is no repeat, and it was not run. ${remedy}`,
    );
    this.fingerprint = fingerprint;
    this.knownFingerprint = knownFingerprint;
    this.tookEffectAt = tookEffectAt;
  }
}
