import { InvalidOptionError, errorCode } from '../errors/index.js';
import type { Dialect } from '../storage/index.js';

/** How an attempt ended. Each kind says what becomes of the delivery, and what that costs it. */
export type Outcome =
  /** The effect, the dedup row and the ACK are durable. */
  | { kind: 'done' }
  /** Its biz-id had taken effect before. Acknowledged without running the handler. */
  | { kind: 'absorbed' }
  /** The handler asked for it again later. Costs nothing. */
  | { kind: 'later'; error: unknown; delayMs: number }
  /** Two transactions got in each other's way, or the database couldn't be had. Costs nothing. */
  | { kind: 'not-run'; error: unknown }
  /** The handler failed: backoff, and in the end the dead letters. */
  | { kind: 'failed'; error: unknown }
  /** The handler wants it in the dead letters at once. */
  | { kind: 'rejected'; error: unknown }
  /** The transaction was broken from within and may have left something durable: dead letters, never by itself again. */
  | { kind: 'torn'; error: unknown }
  /** COMMIT got no answer. Whatever it did, a redelivery finds out. */
  | { kind: 'commit-unknown'; error: unknown }
  /** Somebody else has it by now. */
  | { kind: 'lease-lost' };

/**
 * What a handler's error says about the delivery.
 *
 * @param scope the name of the transaction that the handler ran in
 */
export function outcomeOfError(dialect: Dialect, error: unknown, scope?: string): Outcome {
  try {
    return judge(dialect, error, scope);
  } catch {
    // Anything can be thrown, also what throws when it is looked at.
    return { kind: 'failed', error };
  }
}

function judge(dialect: Dialect, error: unknown, scope: string | undefined): Outcome {
  const code = errorCode(error);
  if (code === 'RETRY_LATER') return later(error as { delayMs: unknown });
  if (code === 'REJECTED') return { kind: 'rejected', error };
  const isContention = (cause: unknown) => dialect.isContention(cause) && !isItsOwnLock(cause, scope);
  if (someCause(error, (cause) => isContention(cause) || isConnectionLost(cause))) {
    return { kind: 'not-run', error };
  }
  return { kind: 'failed', error };
}

/** On SQLite a handler that writes outside of its transaction waits for its own lock, and would do so every time. */
function isItsOwnLock(error: unknown, scope: string | undefined): boolean {
  const { holder } = error as { holder?: { name?: unknown } };
  return scope !== undefined && holder?.name === scope;
}

const LONGEST_DELAY_MS = 100 * 365 * 24 * 60 * 60 * 1000;

function later(error: { delayMs: unknown }): Outcome {
  const { delayMs } = error;
  if (typeof delayMs !== 'number' || !Number.isFinite(delayMs)) {
    const expected = 'a number of milliseconds';
    return {
      kind: 'failed',
      error: new InvalidOptionError('RetryLaterError({ delayMs })', delayMs, expected),
    };
  }
  return { kind: 'later', error, delayMs: Math.round(Math.min(Math.max(delayMs, 0), LONGEST_DELAY_MS)) };
}

const CONNECTION_LOST =
  /^(PROTOCOL_CONNECTION_LOST|PROTOCOL_ENQUEUE_AFTER_FATAL_ERROR|ECONNRESET|ECONNREFUSED|EPIPE|ETIMEDOUT|ER_SERVER_SHUTDOWN|ER_CLIENT_INTERACTION_TIMEOUT|ER_NEW_ABORTING_CONNECTION|STATEMENT_TIMEOUT)$/;

/** The database went away, which no message is to blame for. Only an error that the driver itself raised counts. */
function isConnectionLost(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { driverError } = error as { driverError?: unknown };
  const code = errorCode(driverError ?? error) ?? '';
  return CONNECTION_LOST.test(code) && (driverError !== undefined || code === 'STATEMENT_TIMEOUT');
}

/** The error, or something that it wraps. */
function someCause(error: unknown, matches: (error: unknown) => boolean): boolean {
  for (let at = error, depth = 0; at !== undefined && at !== null && depth < 10; depth++) {
    if (matches(at)) return true;
    at = typeof at === 'object' ? (at as { cause?: unknown }).cause : undefined;
  }
  return false;
}
