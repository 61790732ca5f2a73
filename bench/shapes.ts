import { setTimeout as pause } from 'node:timers/promises';
import type { IdempotentMqOptions } from '../src/index.js';
import { GuardedScope } from '../src/transaction/index.js';
import { type BenchDatabase, createDatabase, describeDatabase } from './support/database.js';
import { quantile, spread, table } from './support/figures.js';
import { serve } from './support/served.js';
import { type Shop, createBusiness, openShop, pay, payMany } from './support/shop.js';

/** The whole chain, from the sender's COMMIT to the receiver's effect and its ACK: in one database, in one each, and by a service. */

export interface ShapesOptions {
  url: string | undefined;
  rounds: number;
  /** Payments of a round that come one by one, and payments that are there at once. */
  payments: number;
}

const SHAPES = ['one database', 'a database each', 'a service'] as const;
type Shape = (typeof SHAPES)[number];
interface Figures {
  effect: number[];
  ack: number[];
  perSecond: number;
}

const A_SECOND = 50;
const WARM_UP = 50;

export async function shapes({ url, rounds, payments }: ShapesOptions): Promise<void> {
  const measured = new Map<Shape, Figures[]>(SHAPES.map((shape) => [shape, []]));
  for (let round = 0; round < rounds; round++) {
    for (const shape of round % 2 === 0 ? SHAPES : [...SHAPES].reverse()) {
      measured.get(shape)!.push(await measure(shape, url, payments));
    }
  }
  const rows = SHAPES.map((shape) => {
    const figures = measured.get(shape)!;
    return [
      shape,
      spread(figures.map(({ effect }) => quantile(effect, 0.5))),
      spread(figures.map(({ effect }) => quantile(effect, 0.99))),
      spread(figures.map(({ ack }) => quantile(ack, 0.5))),
      spread(
        figures.map(({ perSecond }) => perSecond),
        0,
      ),
      spread(figures.map(({ perSecond }, i) => perSecond / measured.get('one database')![i]!.perSecond)),
    ];
  });
  const head = [
    'shape',
    `to the effect at ${A_SECOND}/s, p50, ms`,
    'p99, ms',
    'to the ACK, p50, ms',
    'messages a second',
    'ratio to one database',
  ];
  console.log(`${await describeDatabase(url)}; ${rounds} rounds of ${payments} payments, alternating\n`);
  console.log(table([head, ...rows]));
}

async function measure(shape: Shape, url: string | undefined, payments: number): Promise<Figures> {
  const business = await createDatabase(url);
  const broker = shape === 'one database' ? undefined : await createDatabase(url);
  const service = shape === 'a service' ? await serve(broker!) : undefined;
  try {
    const options = optionsOf(broker, service?.url);
    const shop = await openShop(business, options);
    try {
      await createBusiness(shop);
      await arriveOneByOne(shop, 'W', WARM_UP);
      const took = await arriveOneByOne(shop, 'L', payments);
      const perSecond = await arriveAtOnce(shop, payments);
      await checkCards(shop, WARM_UP + 2 * payments);
      return { ...took, perSecond };
    } finally {
      await shop.close();
    }
  } finally {
    await service?.close();
    await business.drop();
    await broker?.drop();
  }
}

function optionsOf(broker: BenchDatabase | undefined, url: string | undefined): IdempotentMqOptions {
  if (url !== undefined) return { broker: { url } };
  return broker ? { broker: { dataSource: broker.options } } : {};
}

/** @returns how long each took, from its COMMIT to that of its effect, and to its ACK, in milliseconds */
async function arriveOneByOne(
  shop: Shop,
  name: string,
  count: number,
): Promise<Pick<Figures, 'effect' | 'ack'>> {
  const committed = new Map<string, number>();
  const took = { effect: [] as number[], ack: [] as number[] };
  const since = (bizId: string) => performance.now() - committed.get(bizId)!;
  const stopListening = onEffect((bizId) => took.effect.push(since(bizId)));
  const all = acknowledged(shop, count, (bizId) => took.ack.push(since(bizId)));
  for (let i = 0; i < count; i++) {
    const next = pause(1_000 / A_SECOND);
    const bizId = `${name}-${i}`;
    // Its bell may ring before the promise of the transaction has resolved.
    committed.set(bizId, performance.now());
    await pay(shop, bizId);
    committed.set(bizId, performance.now());
    await next;
  }
  await all;
  stopListening();
  return took;
}

/** No event tells of the COMMIT alone: where the broker is elsewhere, the ACK follows it. */
function onEffect(listener: (bizId: string) => void): () => void {
  const prototype: { commit: (this: GuardedScope) => Promise<void> } = GuardedScope.prototype;
  const { commit } = prototype;
  prototype.commit = async function (): Promise<void> {
    await commit.call(this);
    const [, bizId] = / for (\S+)$/.exec(this.name) ?? [];
    if (bizId !== undefined) listener(bizId);
  };
  return () => {
    prototype.commit = commit;
  };
}

/** @returns messages a second, from the first COMMIT to the last ACK */
async function arriveAtOnce(shop: Shop, count: number): Promise<number> {
  const bizIds = Array.from({ length: count }, (_, i) => `T-${i}`);
  const began = performance.now();
  const all = acknowledged(shop, count);
  await payMany(shop, bizIds);
  await all;
  return (1_000 * count) / (performance.now() - began);
}

function acknowledged(
  { events }: Shop,
  count: number,
  each: (bizId: string) => void = () => undefined,
): Promise<void> {
  let seen = 0;
  return new Promise((resolve) => {
    const subscription = events.events$.subscribe((event) => {
      if (event.type !== 'acknowledged') return;
      each(event.bizId);
      if (++seen < count) return;
      subscription.unsubscribe();
      resolve();
    });
  });
}

/** A round that doubled or lost something measures nothing. */
async function checkCards({ dataSource }: Shop, expected: number): Promise<void> {
  const [row] = await dataSource.query<{ cards: number | string; different: number | string }[]>(
    'SELECT COUNT(*) AS cards, COUNT(DISTINCT payment_id) AS different FROM card',
  );
  if (Number(row!.cards) === expected && Number(row!.different) === expected) return;
  throw new Error(`There are ${row!.cards} cards of ${row!.different} payments, and there were ${expected}.`);
}
