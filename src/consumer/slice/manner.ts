import type { GuardedScope } from '../../transaction/index.js';
import type { HeldDelivery } from '../held-delivery.js';
import type { Outcome } from '../outcome.js';
import type { Member } from './member.js';

/** What became of several deliveries that were run together. Who is in neither part is to be run alone, as if this had not been. */
export interface SliceResult {
  outcomes: ReadonlyMap<HeldDelivery, Outcome>;
  /** What is to be run together again, in this order. */
  next: readonly (readonly HeldDelivery[])[];
}

/** How the handlers of what shares a transaction are called. */
export interface Manner {
  /**
   * Until nothing is left to do but to prove and commit it.
   *
   * @returns those that were run, the first ones: all of them, unless one has ended the transaction
   */
  run(scope: GuardedScope, members: readonly Member[]): Promise<readonly Member[]>;
  /** When all was rolled back, because of this error of a handler, or of what came after it. */
  afterFailure(scope: GuardedScope, members: readonly Member[], error: unknown): SliceResult;
  /** When no handler was called, because somebody else is in the way of one of them. */
  regroup(all: readonly HeldDelivery[]): SliceResult['next'];
}

/** Two halves: after a few of them, what makes all fail is alone. */
export function halves(all: readonly HeldDelivery[]): HeldDelivery[][] {
  const middle = Math.ceil(all.length / 2);
  return [all.slice(0, middle), all.slice(middle)].filter(({ length }) => length > 0);
}
