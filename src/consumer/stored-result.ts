import { InvalidOptionError } from '../errors/index.js';
import type { DedupRow } from '../storage/index.js';
import { type IdempotentKey, conflict, describeKey, torn } from './executor-key.js';

/** What an executor's dedup row holds beside its key: what the work returned. */

export interface IdempotentResult<T> {
  /** False when the biz-id had taken effect before, and the work was not run. */
  executed: boolean;
  /** What the work returned, this time or when it took effect, as JSON brings it back: the first time too. */
  result: T;
}

const UNDEFINED = Buffer.alloc(0);

/** An executor's row without a result was committed by the work itself, which then didn't come to its end. */
export function storedResult<T>(
  row: DedupRow,
  key: IdempotentKey,
  fingerprint: Buffer | undefined,
): IdempotentResult<T> {
  // A consumer that shares the scenario stores no result, and its fingerprint is of a body.
  const isExecutors = row.seq === 0;
  if (row.unfinished || (row.result === null && isExecutors)) throw torn(key);
  if (isExecutors && fingerprint && row.fingerprint && !row.fingerprint.equals(fingerprint)) {
    throw conflict(key, fingerprint, row.fingerprint, row.createdAt);
  }
  return { executed: false, result: decodeResult<T>(row.result ?? UNDEFINED) };
}

/** For the first caller too: a Date that is a string only for those who come later is found in production. */
export function decodeResult<T>(stored: Buffer): T {
  return (stored.length === 0 ? undefined : JSON.parse(stored.toString('utf8'))) as T;
}

export function encodeResult(result: unknown, key: IdempotentKey): Buffer {
  if (result === undefined) return UNDEFINED;
  const json = jsonOf(result);
  if (json === undefined) {
    throw new InvalidOptionError(
      `The result of ${describeKey(key)}`,
      result,
      'something that JSON can carry',
    );
  }
  return Buffer.from(json, 'utf8');
}

function jsonOf(value: unknown): string | undefined {
  try {
    return JSON.stringify(value);
  } catch {
    // A BigInt, a cycle, or a toJSON() that throws.
    return undefined;
  }
}
