/** What a business has in the end. */
export interface Counts {
  payments: number;
  cards: number;
  /** Of the payments that have a card. */
  different: number;
}

export const COUNTS =
  'SELECT (SELECT COUNT(*) FROM payment) AS payments, COUNT(*) AS cards, COUNT(DISTINCT payment_id) AS different FROM card';

export function toCounts(row: Record<keyof Counts, number | string>): Counts {
  return { payments: Number(row.payments), cards: Number(row.cards), different: Number(row.different) };
}
