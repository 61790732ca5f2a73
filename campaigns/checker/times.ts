import type { Pair } from '../databases/pair.js';

/** Moments in microseconds, by the clock of the databases, each in its order. */
export interface Times {
  /** Of messages, by payment. */
  landings: Map<string, number[]>;
  /** Of cards, by payment and group. */
  cards: Map<string, Map<string, number[]>>;
}

export async function readTimes({ rawBusiness, rawBroker }: Pair): Promise<Times> {
  const times: Times = { landings: new Map(), cards: new Map() };
  const landings = await rawBroker.query('SELECT biz_id, happened_at FROM landing ORDER BY happened_at');
  for (const { biz_id, happened_at } of landings) {
    const payment = text(biz_id);
    times.landings.set(payment, [...(times.landings.get(payment) ?? []), Number(happened_at)]);
  }
  const cards = await rawBusiness.query(
    'SELECT payment_id, issued_by, happened_at FROM card ORDER BY happened_at',
  );
  for (const { payment_id, issued_by, happened_at } of cards) {
    const ofGroups = times.cards.get(text(payment_id)) ?? new Map<string, number[]>();
    const group = text(issued_by);
    times.cards.set(
      text(payment_id),
      ofGroups.set(group, [...(ofGroups.get(group) ?? []), Number(happened_at)]),
    );
  }
  return times;
}

function text(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('utf8') : String(value);
}
