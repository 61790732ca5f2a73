import type { Histories } from './histories.js';
import { findDisordered } from './order.js';
import type { Rows } from './rows.js';

/** What a campaign must not find. Each entry names a payment and says what is wrong with it. */
export interface Findings {
  /** Acknowledged or durable, and without its effect. */
  lost: string[];
  /** More effects than one for a group. */
  doubled: string[];
  /** A message that was stored more often than it was published. */
  landedTwice: string[];
  /** An effect, a message or a payment that nobody committed. */
  unfounded: string[];
  /** What is left when everything should be through. */
  left: string[];
  /** A card before that of a payment whose publish had been acknowledged before, under the same ordering key. */
  disordered: string[];
  /** A handler that was called while another one of the same group and ordering key was running. */
  overlapped: string[];
  /** An effect for which its message has waited longer than the kills meanwhile excuse. */
  late: string[];
}

/**
 * Knows nothing of the library: what was said by whom, and which rows are there.
 *
 * @param isThrough whether everything had got through; if not, nobody can tell what is late from what is lost
 */
export function check(
  { publishes }: Histories,
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
  const found: Findings = {
    lost: [],
    doubled: [],
    landedTwice: [],
    unfounded: [],
    left: [],
    disordered: [],
    overlapped: [],
    late: [],
  };
  for (const [id, { outcome, copies }] of publishes) {
    const isPaid = rows.payments.has(id);
    if (!isPaid && outcome === 'acknowledged')
      found.lost.push(`${id}: acknowledged, and the payment is gone`);
    if (isPaid && outcome === 'failed') found.unfounded.push(`${id}: failed, and the payment is there`);
    const landed = rows.landings.get(id) ?? 0;
    const published = isPaid ? copies : 0;
    if (landed < published && isThrough) found.lost.push(`${id}: ${landed} of ${published} messages landed`);
    if (landed > published && isPaid) found.landedTwice.push(`${id}: ${landed} messages of ${published}`);
    if (landed > 0 && !isPaid) found.unfounded.push(`${id}: ${landed} messages without a payment`);
    for (const group of groups) {
      const cards = rows.cards.get(id)?.get(group) ?? 0;
      const isMissing = isPaid && cards === 0 && !mayMiss(id, group);
      if (isMissing && isThrough) found.lost.push(`${id}: no card of ${group} (${outcome})`);
      if (isPaid && cards > 1) found.doubled.push(`${id}: ${cards} cards of ${group}`);
      if (!isPaid && cards > 0) found.unfounded.push(`${id}: ${cards} cards of ${group} without a payment`);
    }
  }
  for (const id of new Set([...rows.payments.keys(), ...rows.cards.keys(), ...rows.landings.keys()])) {
    if (!publishes.has(id)) found.unfounded.push(`${id}: nobody has attempted to publish it`);
  }
  for (const [id, ofGroups] of rows.cards) {
    for (const group of ofGroups.keys()) {
      if (!groups.includes(group)) found.unfounded.push(`${id}: a card of ${group}, whoever that is`);
    }
  }
  for (const group of groups) found.disordered.push(...findDisordered(publishes, rows, group));
  if (rows.deadLetters > 0) found.left.push(`${rows.deadLetters} dead letters`);
  if (rows.quarantined > 0) found.left.push(`${rows.quarantined} messages in quarantine`);
  return found;
}
