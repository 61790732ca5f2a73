import { type LeasedRow, keyHashOf } from '../storage/index.js';

/** From the third time on, a message is sent alone. */
const ALONE_FROM = 3;

/**
 * What is sent together: everything, but what has failed several times by itself, so that a message which can't be sent
 * keeps no other from it. The messages of one key stay together, in their order.
 */
export function shipmentsOf(rows: readonly LeasedRow[]): LeasedRow[][] {
  const units = new Map<string, LeasedRow[]>();
  for (const row of rows) {
    const unit = row.orderingKey
      ? `key ${keyHashOf(row.topic, row.orderingKey).toString('hex')}`
      : `${row.table} ${row.seq}`;
    units.set(unit, [...(units.get(unit) ?? []), row]);
  }
  const isTroubled = (unit: readonly LeasedRow[]) => unit.some(({ sends }) => sends >= ALONE_FROM);
  const together = [...units.values()].filter((unit) => !isTroubled(unit)).flat();
  // The first failure ends the round: what has failed most often must not keep the others from their turn.
  const alone = [...units.values()].filter(isTroubled).sort((a, b) => a[0]!.sends - b[0]!.sends);
  return together.length > 0 ? [together, ...alone] : alone;
}
