import { describeErrorAtLength } from '../errors/index.js';
import { decodeHistory, encodeHistory } from '../storage/index.js';

const KEPT = 20;

/** The errors of a delivery's attempts, oldest first, with one more: the last 20 are kept. */
export function withError(history: Buffer | null, error: unknown, now = new Date()): Buffer {
  const next = [...decodeHistory(history), { at: now.toISOString(), error: describeErrorAtLength(error) }];
  return encodeHistory(next.slice(-KEPT));
}
