import { describeErrorAtLength } from '../errors/index.js';

const KEPT = 20;

interface AttemptError {
  at: string;
  error: string;
}

/** The errors of a delivery's attempts, oldest first, with one more: the last 20 are kept. */
export function withError(history: Buffer | null, error: unknown, now = new Date()): Buffer {
  const earlier = history ? readHistory(history) : [];
  const next = [...earlier, { at: now.toISOString(), error: describeErrorAtLength(error) }];
  return Buffer.from(JSON.stringify(next.slice(-KEPT)), 'utf8');
}

/** A history that can't be read must not keep its delivery from the dead letters. */
function readHistory(history: Buffer): AttemptError[] {
  try {
    return JSON.parse(history.toString('utf8')) as AttemptError[];
  } catch {
    return [];
  }
}
