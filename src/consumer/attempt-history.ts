import { describeErrorAtLength } from '../errors/index.js';

const KEPT = 20;

interface AttemptError {
  at: string;
  error: string;
  atNoCost?: true;
}

/** The errors of a delivery's attempts, oldest first, with one more: the last 20 are kept. */
export function withError(history: Buffer | null, error: unknown, cost: { atNoCost?: true } = {}): Buffer {
  const earlier = history ? readHistory(history) : [];
  const next = [...earlier, { at: new Date().toISOString(), error: describeErrorAtLength(error), ...cost }];
  return Buffer.from(JSON.stringify(next.slice(-KEPT)), 'utf8');
}

/** How many of the errors that are kept cost no attempt. */
export function errorsAtNoCost(history: Buffer | null): number {
  return history ? readHistory(history).filter(({ atNoCost }) => atNoCost).length : 0;
}

/** A history that can't be read must not keep its delivery from the dead letters. */
function readHistory(history: Buffer): AttemptError[] {
  try {
    return JSON.parse(history.toString('utf8')) as AttemptError[];
  } catch {
    return [];
  }
}
