import { createHash } from 'node:crypto';
import type { QuarantinedCopy } from '../storage/index.js';

/** A message as an outbox sends it. */
export type SentCopy = Omit<QuarantinedCopy, 'bodyHash'> & {
  formerId?: Buffer | undefined;
};

/** 16 bytes that stand for all that was sent under an inner-msg-id. Lengths stand before parts, so that none can run over. */
export function bodyHashOf({ topic, bizId, body, headers, expiresAt, orderingKey }: SentCopy): Buffer {
  const hash = createHash('sha256');
  for (const part of [topic, bizId, body, headers ?? '', String(expiresAt ?? ''), orderingKey ?? '']) {
    hash.update(`${Buffer.byteLength(part)}:`).update(part);
  }
  return hash.digest().subarray(0, 16);
}
