import { type BizIdConflictError, checkDelay, isLibraryError } from '../errors/index.js';
import { type Dialect, isConnectionLost } from '../storage/index.js';

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
  /** A connection was lost after the handler had begun. Whose fault that is depends on whether the database is there. */
  | { kind: 'connection-lost'; error: unknown }
  /** The handler failed: backoff, and in the end the dead letters. */
  | { kind: 'failed'; error: unknown }
  /** Its time was over when the handler was about to begin. */
  | { kind: 'expired' }
  /** The handler wants it in the dead letters at once. */
  | { kind: 'rejected'; error: unknown }
  /** The transaction was broken from within and may have left something durable: dead letters, never by itself again. */
  | { kind: 'torn'; error: unknown }
  /** COMMIT got no answer. Whatever it did, a redelivery finds out. */
  | { kind: 'commit-unknown'; error: unknown }
  /** The effect is durable, or was before, but the broker doesn't know: the redelivery meets the dedup row. */
  | { kind: 'ack-lost'; error: unknown }
  /** It found no dedup row, and the one that it would be judged by may have been forgotten. */
  | { kind: 'too-old'; error: unknown }
  /** Its biz-id had taken effect before, with another body. */
  | { kind: 'conflict'; error: BizIdConflictError }
  /** Somebody else has it by now. */
  | { kind: 'lease-lost' };

/** What an error of the delivery's own transaction says about the delivery. */
export function outcomeOfError(dialect: Dialect, error: unknown): Outcome {
  return judge(
    error,
    (cause) => dialect.isContention(cause) || dialect.isUnwritable(cause) || isTimeout(cause),
  );
}

/**
 * What a handler's error says about the delivery. Contention costs nothing only in the delivery's own transaction: what
 * the handler met elsewhere may be a lock of its own, for which it would wait each time it runs.
 *
 * @param doomedBy what made the delivery's own transaction unable to commit
 */
export function outcomeOfHandler(dialect: Dialect, error: unknown, doomedBy?: unknown): Outcome {
  return doomedBy === undefined ? judge(error, () => false) : outcomeOfError(dialect, doomedBy);
}

function judge(error: unknown, costsNothing: (cause: unknown) => boolean): Outcome {
  try {
    if (isLibraryError(error, 'RETRY_LATER')) return later(error as { delayMs: unknown });
    if (isLibraryError(error, 'REJECTED')) return { kind: 'rejected', error };
    if (hasLostConnection(error)) return { kind: 'connection-lost', error };
    return { kind: someCause(error, costsNothing) ? 'not-run' : 'failed', error };
  } catch {
    // Anything can be thrown, also what throws when it is looked at.
    return { kind: 'failed', error };
  }
}

/** Another copy of the library may have made it, or somebody changed it since. */
function later(error: { delayMs: unknown }): Outcome {
  const { delayMs } = error;
  try {
    checkDelay(delayMs);
  } catch (refusal) {
    return { kind: 'failed', error: refusal };
  }
  return { kind: 'later', error, delayMs: Math.round(delayMs) };
}

function isTimeout(error: unknown): boolean {
  return isLibraryError(error, 'STATEMENT_TIMEOUT');
}

/** Whether a connection was lost, which is what made it fail. */
export function hasLostConnection(error: unknown): boolean {
  return someCause(error, isConnectionLost);
}

/** The error, or something that it wraps. */
function someCause(error: unknown, matches: (error: unknown) => boolean): boolean {
  for (let at = error, depth = 0; at !== undefined && at !== null && depth < 10; depth++) {
    if (matches(at)) return true;
    at = typeof at === 'object' ? (at as { cause?: unknown }).cause : undefined;
  }
  return false;
}
