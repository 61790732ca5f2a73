import { InvalidBizIdError } from '../errors/index.js';
import { encodeTextKey } from './text-key.js';
import type { AnyTopic } from './topic.js';

/** Longest biz-id, in bytes of UTF-8: what the key of the dedup table holds. */
export const MAX_BIZ_ID_BYTES = 255;

/**
 * The biz-id of a body, as the bytes that every table stores: binary, so that `abc`, `ABC`, `ábc` and `abc ` stay apart
 * whatever the collation.
 *
 * @param what how messages name the body: `payload`, or `payloads[3]`
 * @throws InvalidBizIdError when the body brings none
 */
export function bizIdOf(topic: AnyTopic, payload: unknown, what = 'payload'): Buffer {
  const where = what === 'payload' ? `Topic ${topic.name}` : `Topic ${topic.name}, ${what}`;
  let bizId: unknown;
  try {
    bizId = topic.bizId(payload);
  } catch (cause) {
    throw new InvalidBizIdError(
      `${where}: bizId() threw for this payload (${cause instanceof Error ? cause.message : 'no Error'}). ` +
        'The sender must bring the biz-id in the body.',
      { cause },
    );
  }
  return encodeBizId(bizId, `${where}: bizId() must return`);
}

/** @throws InvalidBizIdError unless it is a non-empty, well-formed string of at most {@link MAX_BIZ_ID_BYTES} bytes */
export function encodeBizId(bizId: unknown, mustBe: string): Buffer {
  const encoded = encodeTextKey(bizId, MAX_BIZ_ID_BYTES);
  if (Buffer.isBuffer(encoded)) return encoded;
  const tooLong = encoded.isTooLong
    ? ' It is never cut short, as two ids could become one: hash it, or use a shorter id.'
    : '';
  throw new InvalidBizIdError(`${mustBe} ${encoded.expected} (got ${encoded.got}).${tooLong}`);
}
