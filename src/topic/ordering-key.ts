import { InvalidOptionError } from '../errors/index.js';
import { encodeTextKey } from './text-key.js';

/** Longest ordering key, in bytes of UTF-8. */
export const MAX_ORDERING_KEY_BYTES = 255;

/**
 * An ordering key as the bytes that every table stores.
 *
 * @param option how messages name it: `publish({ orderingKey })`
 * @throws InvalidOptionError unless it is a non-empty, well-formed string of at most {@link MAX_ORDERING_KEY_BYTES} bytes
 */
export function encodeOrderingKey(option: string, key: unknown): Buffer {
  const encoded = encodeTextKey(key, MAX_ORDERING_KEY_BYTES);
  if (Buffer.isBuffer(encoded)) return encoded;
  const tooLong = `${encoded.expected} and not ${encoded.got}: it is never cut short, as two keys could become one`;
  throw new InvalidOptionError(option, key, encoded.isTooLong ? tooLong : encoded.expected);
}
