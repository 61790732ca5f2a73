import { InvalidOptionError } from '../errors/index.js';
import { NAME_RULE, isName } from '../topic/index.js';
import { type BatchOptions, type ResolvedBatchOptions, resolveBatchOptions } from './batch/batch-options.js';

export interface RetryOptions {
  /** Failures after which the delivery goes to the dead letters. @default 20 */
  attempts?: number;
  /** Wait after the first failure, in milliseconds; it doubles with each further one. @default 1000, or maxDelayMs where that is less */
  delayMs?: number;
  /** Longest wait, in milliseconds. @default 300000 */
  maxDelayMs?: number;
  /**
   * Whether an error is worth another attempt; if not, the delivery goes to the dead letters at once. Not async: whatever
   * is neither true nor false counts as true.
   *
   * @default all are
   */
  retryIf?: (error: unknown) => boolean;
}

/** What can be set for all consumers (`forRoot({ consumers })`) and for each. */
export interface ConsumerSettings {
  /** Handlers of one subscription that run at the same time in this process. @default 10 */
  concurrency?: number;
  /** How long a process that fell silent keeps its deliveries, in milliseconds from 100. It is renewed while they run. @default 30000 */
  leaseMs?: number;
  /** Longest that a handler may take, in milliseconds. @default 60000 */
  timeoutMs?: number;
  retry?: RetryOptions;
}

/** Of both kinds of consumers. */
export interface ConsumerOptions extends ConsumerSettings {
  /** The receiving business, as a name of the contract: each group gets every message once. Keep it over renames. */
  group: string;
  /** Counts up when the group comes back after it was removed. @default 1 */
  subscriptionVersion?: number;
  /** The module instance (`forRoot({ name })`) that this consumer belongs to. @default the one without a name */
  instance?: string;
  /** Applies guards, which reject what carries no HTTP request. @default false */
  guards?: boolean;
  /** Applies interceptors that were registered globally too. @default false */
  globalInterceptors?: boolean;
}

export interface AtLeastOnceConsumerOptions extends ConsumerOptions {
  batch?: undefined;
}

/** For a handler that gets several messages at once. */
export interface AtLeastOnceBatchConsumerOptions extends ConsumerOptions {
  batch: BatchOptions;
}

/** What can be set for all idempotent consumers and for each, beside {@link ConsumerSettings}. */
export interface IdempotentSettings {
  /**
   * Keeps 16 bytes in each dedup row that stand for the body as published, and compares them when its biz-id comes again:
   * another body is no repeat, but a mistake of the sender. It is dead-lettered (`biz-id-conflict`) and not skipped. For
   * bodies that a repeat has the same; a time of sending or the like belongs into headers then.
   *
   * @default false
   */
  fingerprint?: boolean;
  /**
   * Deliveries that share a transaction, at most, from 1 to 100. Their handlers are called one after the other, each with a
   * message of its own; then comes one COMMIT for all. Where one of them fails, nothing of it is left, and each is run
   * again alone: so a handler may be called twice for a message that has not failed, and locks are held for longer. For
   * handlers that do nothing but write in their transaction. Not with `ack: 'manual'`; what has an ordering key, has failed
   * before or landed long ago has a transaction of its own all the same.
   *
   * @default 1
   */
  perTransaction?: number;
}

export interface IdempotentConsumerOptions extends ConsumerOptions, IdempotentSettings {
  /**
   * The namespace of biz-ids. Give it only to share one across topics of a group: a biz-id that took effect in one of
   * them is then a duplicate in the others.
   *
   * @default (group, topic)
   */
  scenario?: string;
  /** `manual`: a handler that returns without `delivery.ack()` is rolled back and comes again. @default 'return' */
  ack?: 'return' | 'manual';
  batch?: undefined;
}

/**
 * For a handler that gets several messages at once, which have one transaction. What it has returned from is done: it says
 * otherwise of single ones through its {@link BatchContext}.
 */
export interface IdempotentBatchConsumerOptions extends Omit<
  IdempotentConsumerOptions,
  'ack' | 'perTransaction' | 'batch'
> {
  batch: BatchOptions;
}

/** Of all kinds, and of what JavaScript may bring. */
export type AnyConsumerOptions = Omit<IdempotentConsumerOptions, 'batch'> & {
  batch?: BatchOptions | undefined;
};

/** All settings of a consumer, with defaults filled in. */
export interface ResolvedConsumerOptions {
  concurrency: number;
  leaseMs: number;
  timeoutMs: number;
  fingerprint: boolean;
  perTransaction: number;
  /** Undefined where each call has one message. */
  batch: ResolvedBatchOptions | undefined;
  retry: Required<RetryOptions>;
}

export const CONSUMER_DEFAULTS: ResolvedConsumerOptions = {
  concurrency: 10,
  leaseMs: 30_000,
  timeoutMs: 60_000,
  fingerprint: false,
  perTransaction: 1,
  batch: undefined,
  retry: { attempts: 20, delayMs: 1_000, maxDelayMs: 300_000, retryIf: () => true },
};

/** From 50 on a COMMIT costs next to nothing for each; what fails is run again for all of them. */
const MAX_PER_TRANSACTION = 100;
const MAX_TIMER_MS = 2 ** 31 - 1;
/** A renewal, which comes three times a lease, must have the time to get through. Milliseconds. */
const MIN_LEASE_MS = 100;

/** @throws InvalidOptionError naming the option and what came */
export function resolveConsumerOptions(
  where: string,
  given: ConsumerSettings & IdempotentSettings & { batch?: BatchOptions | undefined },
  defaults: ResolvedConsumerOptions = CONSUMER_DEFAULTS,
): ResolvedConsumerOptions {
  const { retry = {} } = given;
  if (typeof retry !== 'object' || retry === null || Array.isArray(retry)) {
    throw new InvalidOptionError(`${where}.retry`, retry, 'an object');
  }
  const unknown = Object.keys(retry).find((key) => !Object.hasOwn(CONSUMER_DEFAULTS.retry, key));
  if (unknown) {
    throw new InvalidOptionError(
      `${where}.retry.${unknown}`,
      (retry as Record<string, unknown>)[unknown],
      `left out: it is not an option. Known are ${Object.keys(CONSUMER_DEFAULTS.retry).join(', ')}`,
    );
  }
  const { fingerprint = defaults.fingerprint } = given;
  if (typeof fingerprint !== 'boolean') {
    throw new InvalidOptionError(`${where}.fingerprint`, fingerprint, 'a boolean');
  }
  const positive = (
    name: string,
    value: number | undefined,
    otherwise: number,
    max = MAX_TIMER_MS,
    min = 1,
  ) => {
    if (value === undefined) return otherwise;
    if (!Number.isInteger(value) || value < min || value > max) {
      throw new InvalidOptionError(`${where}.${name}`, value, `a whole number from ${min} to ${max}`);
    }
    return value;
  };
  if (retry.retryIf !== undefined && typeof retry.retryIf !== 'function') {
    throw new InvalidOptionError(
      `${where}.retry.retryIf`,
      retry.retryIf,
      'a function that returns a boolean',
    );
  }
  if (/Async|Generator/.test(Object.prototype.toString.call(retry.retryIf))) {
    throw new InvalidOptionError(
      `${where}.retry.retryIf`,
      retry.retryIf,
      'a plain function that returns true or false: nobody waits for a promise, and an async function returns nothing else',
    );
  }
  const maxDelayMs = positive('retry.maxDelayMs', retry.maxDelayMs, defaults.retry.maxDelayMs);
  const delayMs = positive('retry.delayMs', retry.delayMs, Math.min(defaults.retry.delayMs, maxDelayMs));
  if (delayMs > maxDelayMs) {
    throw new InvalidOptionError(
      `${where}.retry.delayMs`,
      delayMs,
      `at most retry.maxDelayMs (${maxDelayMs})`,
    );
  }
  return {
    concurrency: positive('concurrency', given.concurrency, defaults.concurrency, 1_000),
    leaseMs: positive('leaseMs', given.leaseMs, defaults.leaseMs, MAX_TIMER_MS, MIN_LEASE_MS),
    timeoutMs: positive('timeoutMs', given.timeoutMs, defaults.timeoutMs),
    fingerprint,
    perTransaction: positive(
      'perTransaction',
      given.perTransaction,
      defaults.perTransaction,
      MAX_PER_TRANSACTION,
    ),
    batch: resolveBatchOptions(where, given.batch),
    retry: {
      attempts: positive('retry.attempts', retry.attempts, defaults.retry.attempts, 10_000),
      delayMs,
      maxDelayMs,
      retryIf: retry.retryIf ?? defaults.retry.retryIf,
    },
  };
}

/** @throws InvalidOptionError unless it is a name of 1 to 200 ASCII letters, digits and `. _ : -` */
export function checkName(option: string, value: unknown): void {
  if (!isName(value)) throw new InvalidOptionError(option, value, NAME_RULE);
}
