import { setTimeout as pause } from 'node:timers/promises';
import type { IdempotentMqEvents } from '../src/index.js';
import { createDatabase, describeDatabase } from './support/database.js';
import { spread, table } from './support/figures.js';
import { type Shop, createBusiness, openShop, pay, payMany } from './support/shop.js';

/** What the events cost: while nobody listens, and while somebody listens for all of them. */

export interface ListenersOptions {
  url: string | undefined;
  rounds: number;
  /** Of a round, and of each who is compared. */
  payments: number;
}

const CONTENDERS = ['no events', 'nobody listens', 'nobody listens, again', 'one listens for all'] as const;
type Contender = (typeof CONTENDERS)[number];

const PUBLISHERS = 8;
const WARM_UP = 100;

export async function listeners({ url, rounds, payments }: ListenersOptions): Promise<void> {
  const measured = new Map<Contender, number[]>(CONTENDERS.map((one) => [one, []]));
  for (let round = 0; round < rounds; round++) {
    // Whoever comes first has a machine that has just rested.
    const turns = CONTENDERS.map((_, i) => CONTENDERS[(i + round) % CONTENDERS.length]!);
    for (const one of turns) measured.get(one)!.push(await measure(one, url, payments));
  }
  const ofNone = measured.get('no events')!;
  const rows = CONTENDERS.map((one) => {
    const figures = measured.get(one)!;
    return [one, spread(figures, 0), spread(figures.map((perSecond, i) => perSecond / ofNone[i]!))];
  });
  console.log(
    `${await describeDatabase(url)}; ${rounds} rounds of ${payments} payments, ${PUBLISHERS} publishers, in turn\n`,
  );
  console.log(table([['', 'messages a second, end to end', 'ratio to no events'], ...rows]));
}

/** @returns messages a second, from the first payment to the last card */
async function measure(contender: Contender, url: string | undefined, payments: number): Promise<number> {
  const database = await createDatabase(url);
  try {
    const shop = await openShop(database);
    try {
      if (contender === 'no events') withoutEvents(shop.events);
      if (contender === 'one listens for all') shop.events.events$.subscribe(() => undefined);
      await createBusiness(shop);
      await payMany(
        shop,
        Array.from({ length: WARM_UP }, (_, i) => `W-${i}`),
      );
      await cards(shop, WARM_UP);
      const began = performance.now();
      await payAll(shop, payments);
      await cards(shop, WARM_UP + payments);
      return (1_000 * payments) / (performance.now() - began);
    } finally {
      await shop.close();
    }
  } finally {
    await database.drop();
  }
}

/** As if the library had none. */
function withoutEvents(events: IdempotentMqEvents): void {
  Object.assign(events, { emit: () => undefined, wants: () => false });
}

async function payAll(shop: Shop, payments: number): Promise<void> {
  let next = 0;
  const publisher = async () => {
    while (next < payments) await pay(shop, `P-${next++}`);
  };
  await Promise.all(Array.from({ length: PUBLISHERS }, publisher));
}

/** Asked for, since whoever listened for them would be measured along. */
async function cards({ dataSource }: Shop, expected: number): Promise<void> {
  for (;;) {
    const [row] = await dataSource.query<{ cards: number | string; different: number | string }[]>(
      'SELECT COUNT(*) AS cards, COUNT(DISTINCT payment_id) AS different FROM card',
    );
    if (Number(row!.cards) !== Number(row!.different)) throw new Error('A payment has two cards.');
    if (Number(row!.cards) === expected) return;
    await pause(5);
  }
}
