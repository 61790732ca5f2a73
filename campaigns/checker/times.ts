import type { Pair } from '../databases/pair.js';

/** Moments in microseconds, by the clock of the databases, each in its order. */
export interface Times {
  /** Of messages, by payment. */
  landings: Map<string, number[]>;
  /** By payment and group. */
  cards: Map<string, Map<string, IssuedCard[]>>;
}

export interface IssuedCard {
  at: number;
  /** When the message landed that it was issued for. */
  landedAt: number;
}

export async function readTimes({ rawBusiness, rawBroker }: Pair): Promise<Times> {
  const times: Times = { landings: new Map(), cards: new Map() };
  const landings = await rawBroker.query('SELECT biz_id, happened_at FROM landing ORDER BY happened_at');
  for (const { biz_id, happened_at } of landings) {
    const payment = text(biz_id);
    times.landings.set(payment, [...(times.landings.get(payment) ?? []), Number(happened_at)]);
  }
  const cards = await rawBusiness.query(
    'SELECT payment_id, issued_by, happened_at, landed_at FROM card ORDER BY happened_at',
  );
  for (const { payment_id, issued_by, happened_at, landed_at } of cards) {
    const ofGroups = times.cards.get(text(payment_id)) ?? new Map<string, IssuedCard[]>();
    const group = text(issued_by);
    const card = { at: Number(happened_at), landedAt: Number(landed_at) };
    times.cards.set(text(payment_id), ofGroups.set(group, [...(ofGroups.get(group) ?? []), card]));
  }
  return times;
}

function text(value: unknown): string {
  return Buffer.isBuffer(value) ? value.toString('utf8') : String(value);
}
