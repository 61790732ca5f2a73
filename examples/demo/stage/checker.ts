import type { DataSource } from 'typeorm';

export interface Verdict {
  payments: number;
  cards: number;
  /** Payments without a card. */
  lost: number;
  /** Cards beyond the first of a payment. */
  doubled: number;
  /** Cards of no payment at all. */
  unpaid: number;
}

/** The independent judge: plain SQL over the two businesses' own tables, joined here, as each may have its own database. */
export async function check(paymentSystem: DataSource, cardSystem: DataSource): Promise<Verdict> {
  const payments: { payment_id: string }[] = await paymentSystem.query('SELECT payment_id FROM payment');
  const cards: { payment_id: string; n: number | string }[] = await cardSystem.query(
    'SELECT payment_id, COUNT(*) AS n FROM card GROUP BY payment_id',
  );
  const paid = new Set(payments.map((row) => row.payment_id));
  const issued = new Map(cards.map((row) => [row.payment_id, Number(row.n)]));
  const count = [...issued.values()].reduce((sum, n) => sum + n, 0);
  const unpaid = [...issued].filter(([id]) => !paid.has(id));
  return {
    payments: payments.length,
    cards: count,
    lost: [...paid].filter((id) => !issued.has(id)).length,
    doubled: count - issued.size,
    unpaid: unpaid.reduce((sum, [, n]) => sum + n, 0),
  };
}

export async function cardsOf(cardSystem: DataSource, paymentId: string): Promise<number> {
  const wanted = cardSystem.driver.createParameter('payment_id', 0);
  const [{ n }] = await cardSystem.query(`SELECT COUNT(*) AS n FROM card WHERE payment_id = ${wanted}`, [
    paymentId,
  ]);
  return Number(n);
}
