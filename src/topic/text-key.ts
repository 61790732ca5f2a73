import { describeValue } from '../errors/index.js';

/** Why a value is no key. */
export interface NoKey {
  expected: string;
  got: string;
  isTooLong: boolean;
}

/**
 * A text as the bytes that a key of the tables holds: binary, so that `abc`, `ABC`, `ábc` and `abc ` stay apart whatever
 * the collation.
 */
export function encodeTextKey(value: unknown, maxBytes: number): Buffer | NoKey {
  if (typeof value !== 'string' || value === '') {
    return { expected: 'a non-empty string', got: describeValue(value), isTooLong: false };
  }
  // Lone surrogates would all become U+FFFD, and different keys one.
  if (!(value as string & { isWellFormed(): boolean }).isWellFormed()) {
    return { expected: 'a well-formed string', got: 'one with a lone surrogate', isTooLong: false };
  }
  const bytes = Buffer.from(value, 'utf8');
  if (bytes.length <= maxBytes) return bytes;
  return { expected: `at most ${maxBytes} bytes of UTF-8`, got: `${bytes.length}`, isTooLong: true };
}
