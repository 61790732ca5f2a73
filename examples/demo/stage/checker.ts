import type { DataSource } from 'typeorm';

export interface Verdict {
  payments: number;
  cards: number;
  /** Payments without a card. */
  lost: number;
  /** Cards beyond the first of a payment, or of no payment at all. */
  doubled: number;
}

/** The independent judge: plain SQL over the two businesses' own tables. */
export async function check(database: DataSource): Promise<Verdict> {
  const count = async (sql: string) => {
    const [row] = await database.query(`SELECT COUNT(*) AS n ${sql}`);
    return Number(row.n);
  };
  const payments = await count('FROM payment');
  const cards = await count('FROM card');
  const withCard = 'FROM payment WHERE payment_id IN (SELECT payment_id FROM card)';
  const paymentsWithCard = await count(withCard);
  return { payments, cards, lost: payments - paymentsWithCard, doubled: cards - paymentsWithCard };
}
