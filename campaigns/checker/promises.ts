import type { Publish } from './histories.js';
import type { Payment } from './rows.js';

/** A payment of an account, whose transaction has committed. */
export interface Entry {
  id: string;
  transaction: string;
  /** As the which of its transaction it was published. */
  place: number;
  number: number | undefined;
  beganAt: number;
  acknowledgedAt: number;
}

/** Why the one must come before the other. */
export type Promised = 'by lock' | 'in one transaction' | 'by time';

/** `publisher-1.3-17.2`: the second payment of that transaction. */
const ID = /^(.+)\.(\d+)$/;

export function entryOf(id: string, { number }: Payment, publish: Publish): Entry {
  const [, transaction, place] = ID.exec(id)!;
  const { beganAt, acknowledgedAt } = publish;
  return { id, transaction: transaction!, place: Number(place), number, beganAt, acknowledgedAt };
}

/**
 * What the library promises of two payments of one account: their order, if they are in one transaction, or if the one was
 * published after the other had committed. That is known of two that locked the account, whose numbers say it; and of
 * others where a publisher had been told of the one's COMMIT before another called `publish` for the other.
 */
export function promised(one: Entry, other: Entry): Promised | undefined {
  if (one.transaction === other.transaction)
    return one.place < other.place ? 'in one transaction' : undefined;
  if (one.number !== undefined && other.number !== undefined) {
    return one.number < other.number ? 'by lock' : undefined;
  }
  return one.acknowledgedAt < other.beganAt ? 'by time' : undefined;
}
