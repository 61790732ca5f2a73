import type { Pair } from '../databases/pair.js';

/** Moments in microseconds, by the clock of the databases. */
export interface Wait {
  payment: string;
  /** Of its row, in the transaction that published. */
  paidAt: number;
  /** Of its first message. */
  landedAt: number;
  /** Of each card: whose, and when it was issued. */
  issued: { group: string; at: number }[];
}

export interface Waits {
  waits: Wait[];
  /** When processes were killed. */
  kills: number[];
}

export async function readWaits({ rawBusiness, rawBroker }: Pair): Promise<Waits> {
  const waits = new Map<string, Wait>();
  const landings = await rawBroker.query(
    'SELECT biz_id, MIN(happened_at) AS at FROM landing GROUP BY biz_id',
  );
  const landedAt = new Map(landings.map(({ biz_id, at }) => [text(biz_id), Number(at)]));
  for (const { payment_id, happened_at } of await rawBusiness.query(
    'SELECT payment_id, happened_at FROM payment',
  )) {
    const payment = text(payment_id);
    // One that did not land is lost, which others find.
    if (!landedAt.has(payment)) continue;
    waits.set(payment, {
      payment,
      paidAt: Number(happened_at),
      landedAt: landedAt.get(payment)!,
      issued: [],
    });
  }
  for (const { payment_id, issued_by, happened_at } of await rawBusiness.query(
    'SELECT payment_id, issued_by, happened_at FROM card',
  )) {
    waits.get(text(payment_id))?.issued.push({ group: text(issued_by), at: Number(happened_at) });
  }
  const kills = await rawBroker.query('SELECT happened_at FROM killing ORDER BY happened_at');
  return { waits: [...waits.values()], kills: kills.map(({ happened_at }) => Number(happened_at)) };
}

function text(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('utf8') : String(value);
}
