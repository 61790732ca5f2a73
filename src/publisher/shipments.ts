import { type LeasedRow, keyHashOf } from '../storage/index.js';

/** From the third time on, a message goes after the others. */
const TROUBLED_FROM = 3;
/** Shipments that may fail in one round, by a broker that answers otherwise: the others get their turn first. */
const FAILURES_A_ROUND = 10;

/**
 * What was claimed, in the order in which it is sent: first everything together that has not failed several times, then
 * the others. They may only have met a broker that was away, or one of them may be what no broker can take, and must not
 * keep the others from it: so one of them goes alone, and then twice as many together each time, until one fails.
 */
export class Shipments {
  private readonly together: LeasedRow[];
  private readonly troubled: LeasedRow[][];
  private troubledAtOnce = 1;
  private failures = 0;

  constructor(rows: readonly LeasedRow[]) {
    const units = unitsOf(rows);
    this.together = units.filter((unit) => !isTroubled(unit)).flat();
    // What has failed most often must not keep the others from their turn.
    this.troubled = units.filter(isTroubled).sort((a, b) => sendsOf(a) - sendsOf(b));
  }

  next(): LeasedRow[] | undefined {
    if (this.failures >= FAILURES_A_ROUND) return undefined;
    if (this.together.length > 0) return this.together.splice(0);
    const some = this.troubled.splice(0, this.troubledAtOnce);
    this.troubledAtOnce *= 2;
    return some.length > 0 ? some.flat() : undefined;
  }

  /** The last one was not taken. */
  failed(): void {
    this.failures++;
    this.troubledAtOnce = 1;
  }

  /** What has not been sent. */
  get left(): readonly LeasedRow[] {
    return [...this.together, ...this.troubled.flat()];
  }
}

/** The messages of one key stay together, in their order. */
function unitsOf(rows: readonly LeasedRow[]): LeasedRow[][] {
  const units = new Map<string, LeasedRow[]>();
  for (const row of rows) {
    const unit = row.orderingKey
      ? `key ${keyHashOf(row.topic, row.orderingKey).toString('hex')}`
      : `${row.table} ${row.seq}`;
    const before = units.get(unit);
    if (before) before.push(row);
    else units.set(unit, [row]);
  }
  return [...units.values()];
}

function isTroubled(rows: readonly LeasedRow[]): boolean {
  return rows.some(({ sends }) => sends >= TROUBLED_FROM);
}

function sendsOf([first]: readonly LeasedRow[]): number {
  return first!.sends;
}
