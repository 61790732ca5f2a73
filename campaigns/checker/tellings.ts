import type { Findings } from './findings.js';
import type { Histories, Publish } from './histories.js';
import type { Rows } from './rows.js';

/** `payment-17@publisher-1.2-5`: in the fifth transaction of that process, payment-17 was told of. */
const ID = /^(.+)@/;

/**
 * In campaign `duplicates` a payment is told of in many transactions, and its row is that of one of them. What is known of
 * each is judged here; what is known of the payment then is what the other campaigns know of theirs.
 */
export function foldTellings(
  histories: Histories,
  rows: Rows,
): { histories: Histories; rows: Rows; found: Pick<Findings, 'lost' | 'unfounded'> } {
  const publishes = new Map<string, Publish>();
  const payments: Rows['payments'] = new Map();
  const found: Pick<Findings, 'lost' | 'unfounded'> = { lost: [], unfounded: [] };
  for (const [id, { outcome, copies, ...moments }] of histories.publishes) {
    const payment = paymentOf(id);
    const isThere = rows.payments.has(id);
    if (!isThere && outcome === 'acknowledged') found.lost.push(`${id}: acknowledged, and its row is gone`);
    if (isThere && outcome === 'failed') found.unfounded.push(`${id}: failed, and its row is there`);
    const known = publishes.get(payment) ?? { ...moments, copies: 0, outcome: 'failed' };
    if (isThere) known.copies += copies;
    if (isThere || outcome === 'acknowledged') known.outcome = 'acknowledged';
    else if (outcome === 'unknown' && known.outcome === 'failed') known.outcome = 'unknown';
    publishes.set(payment, known);
  }
  for (const [id, row] of rows.payments) {
    if (!histories.publishes.has(id)) found.unfounded.push(`${id}: nobody has attempted to publish it`);
    payments.set(paymentOf(id), row);
  }
  return { histories: { ...histories, publishes }, rows: { ...rows, payments }, found };
}

export function paymentOf(id: string): string {
  const [, payment] = ID.exec(id) ?? [];
  return payment ?? id;
}
