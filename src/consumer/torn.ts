import { ScopeTornError } from '../errors/index.js';
import { type DedupRow, type LibraryConnections, readDedup } from '../storage/index.js';
import type { DedupMark, GuardedScope } from '../transaction/index.js';
import type { Outcome } from './outcome.js';

/** Whether a handler made part of its effect durable by itself, told from the dedup row of its delivery. */

/**
 * Whether a dedup row of this very delivery says that its transaction was broken from within: a proper commit would have
 * taken the delivery along, or would have marked the row where the ACK comes after it. The row may be from before the
 * broker got, or lost, a database of its own.
 */
export function isTorn({ unfinished, result }: DedupRow): boolean {
  return unfinished || result === null;
}

/** Which delivery a dedup row is of: no two have both in common. */
export type DedupOrigin = Pick<DedupRow, 'seq' | 'sourceId'>;

/** Of this very delivery: a message that was parked may come again to a group that was removed and returned. */
export function isOwnRow(row: DedupRow, { seq, sourceId }: DedupOrigin): boolean {
  return row.seq === seq && row.sourceId === sourceId;
}

/** What became of a transaction that was rolled back; undefined when nothing of it is left. */
export async function tornOutcome(
  connections: LibraryConnections,
  scope: GuardedScope,
  mark: DedupMark,
  origin: DedupOrigin,
  cause: unknown,
): Promise<Outcome | undefined> {
  const { autocommitSeen, endedWithin, mayBeDurable } = scope.session;
  if (autocommitSeen || mayBeDurable) return { kind: 'torn', error: tornError(scope.name, cause) };
  if (!endedWithin) return undefined;
  try {
    const row = await connections.control((on) => readDedup(connections.database, on, mark));
    const isOwn = row && isOwnRow(row, origin) && mark.isOn(row);
    return isOwn ? { kind: 'torn', error: tornError(scope.name, cause) } : undefined;
  } catch (error) {
    // The redelivery looks again.
    return { kind: 'not-run', error };
  }
}

export function tornError(name: string, cause?: unknown): ScopeTornError {
  return new ScopeTornError(
    `${name} committed by itself (DDL, COMMIT, SET autocommit, or a procedure that does) and did not finish: ` +
      'part of its effect may be durable, so it is not run again. docs/guarantees.md says how to put it right.',
    { cause },
  );
}
