import { type Findings, noFindings } from './findings.js';
import type { Histories } from './histories.js';
import { findDisordered } from './order.js';
import type { Rows } from './rows.js';

/**
 * Payments and their effects. Knows nothing of the library: what was said by whom, and which rows are there.
 *
 * @param isThrough whether everything had got through; if not, nobody can tell what is late from what is lost
 */
export function check(
  { publishes }: Pick<Histories, 'publishes'>,
  rows: Rows,
  {
    groups,
    isThrough,
    mayMiss = () => false,
  }: {
    groups: readonly string[];
    isThrough: boolean;
    /** Where a dead letter stands in place of a card. */
    mayMiss?: (payment: string, group: string) => boolean;
  },
): Findings {
  const found = noFindings();
  const missing = isThrough ? found.lost : found.maybeLost;
  for (const [id, { outcome }] of publishes) {
    const isPaid = rows.payments.has(id);
    if (!isPaid && outcome === 'acknowledged')
      found.lost.push(`${id}: acknowledged, and the payment is gone`);
    if (isPaid && outcome === 'failed') found.unfounded.push(`${id}: failed, and the payment is there`);
    for (const group of groups) {
      const cards = rows.cards.get(id)?.get(group) ?? 0;
      if (isPaid && cards === 0 && !mayMiss(id, group))
        missing.push(`${id}: no card of ${group} (${outcome})`);
      if (isPaid && cards > 1) found.doubled.push(`${id}: ${cards} cards of ${group}`);
      if (!isPaid && cards > 0) found.unfounded.push(`${id}: ${cards} cards of ${group} without a payment`);
    }
  }
  for (const id of new Set([...rows.payments.keys(), ...rows.cards.keys()])) {
    if (!publishes.has(id)) found.unfounded.push(`${id}: nobody has attempted to publish it`);
  }
  for (const [id, ofGroups] of rows.cards) {
    for (const group of ofGroups.keys()) {
      if (!groups.includes(group)) found.unfounded.push(`${id}: a card of ${group}, whoever that is`);
    }
  }
  for (const group of groups) found.disordered.push(...findDisordered(publishes, rows, group));
  found.unfounded.push(...rows.orphans);
  if (rows.deadLetters > 0) found.left.push(`${rows.deadLetters} dead letters`);
  if (rows.quarantined > 0) found.left.push(`${rows.quarantined} messages in quarantine`);
  return found;
}
