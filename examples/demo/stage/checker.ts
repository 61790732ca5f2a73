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

/** The independent judge: plain SQL over the two businesses' own tables. */
export async function check(database: DataSource): Promise<Verdict> {
  const number = async (sql: string) => {
    const [row] = await database.query(sql);
    return Number(row.n);
  };
  return {
    payments: await number('SELECT COUNT(*) AS n FROM payment'),
    cards: await number('SELECT COUNT(*) AS n FROM card'),
    lost: await number(
      'SELECT COUNT(*) AS n FROM payment WHERE payment_id NOT IN (SELECT payment_id FROM card)',
    ),
    doubled: await number('SELECT COUNT(*) - COUNT(DISTINCT payment_id) AS n FROM card'),
    unpaid: await number(
      'SELECT COUNT(*) AS n FROM card WHERE payment_id NOT IN (SELECT payment_id FROM payment)',
    ),
  };
}
