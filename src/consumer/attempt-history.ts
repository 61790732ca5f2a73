import { describeErrorAtLength } from '../errors/index.js';
import { decodeHistory, encodeHistory } from '../storage/index.js';

const KEPT = 20;

/** The errors of a delivery's attempts, oldest first, with one more: the last 20 are kept. */
export function withError(history: Buffer | null, error: unknown, cost: { atNoCost?: true } = {}): Buffer {
  const one = { at: new Date().toISOString(), error: describeErrorAtLength(error), ...cost };
  return encodeHistory([...decodeHistory(history), one].slice(-KEPT));
}

/** How many of the errors that are kept cost no attempt. */
export function errorsAtNoCost(history: Buffer | null): number {
  return decodeHistory(history).filter(({ atNoCost }) => atNoCost).length;
}
