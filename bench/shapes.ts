import { A_SECOND, type Took, arriveAtOnce, arriveOneByOne, checkCards } from './support/chain.js';
import { describeDatabase, engineOf } from './support/database.js';
import { quantile, spread, table } from './support/figures.js';
import { BASE, NEEDS, SHAPES, type Shape, openPlace } from './support/places.js';
import { type Urls, haveServers } from './support/servers.js';
import { createBusiness, openShop } from './support/shop.js';
import { type Asked, countAsked } from './support/statements.js';

/**
 * The whole chain, from the sender's COMMIT to the receiver's effect and its ACK: in one database, in one each, by a service,
 * with RabbitMQ and with JetStream in the broker's place; and in one database of each other kind.
 */

export interface ShapesOptions {
  /** The database; a MariaDB is started where none is named. `sqlite:` for SQLite. */
  url: string | undefined;
  /** Servers that are there; others are started. */
  named: Urls;
  /** Parts of shapes' names; none: all of them. One database is always among them. */
  only: readonly string[];
  rounds: number;
  /** Payments of a round that come one by one, and payments that are there at once. */
  payments: number;
}

interface Figures extends Took {
  perSecond: number;
  /** Of those that came one by one, together. */
  asked: Asked | undefined;
}

const WARM_UP = 50;

export async function shapes({ url, named, only, rounds, payments }: ShapesOptions): Promise<void> {
  const chosen = chosenShapes(url, only);
  const needed = chosen.flatMap((shape) => NEEDS[shape] ?? []);
  const { urls, stop } = await haveServers(url === undefined ? ['mariadb', ...needed] : needed, named);
  try {
    const base = url ?? urls.mariadb!;
    const measured = new Map<Shape, Figures[]>(chosen.map((shape) => [shape, []]));
    for (let round = 0; round < rounds; round++) {
      for (const shape of round % 2 === 0 ? chosen : [...chosen].reverse()) {
        measured.get(shape)!.push(await measure(shape, base, urls, payments));
      }
      console.error(`round ${round + 1} of ${rounds}`);
    }
    const others = chosen.includes('one database, PostgreSQL') ? [urls.postgres!] : [];
    for (const server of [base, ...others]) console.log(await describeDatabase(server));
    console.log(`${rounds} rounds of ${payments} payments, alternating\n`);
    console.log(tableOf(measured, payments));
  } finally {
    await stop();
  }
}

/** What the database is, is not measured a second time. */
function chosenShapes(url: string | undefined, only: readonly string[]): Shape[] {
  const engine = engineOf(url ?? 'mariadb:');
  const same = { sqlite: 'one database, SQLite', postgres: 'one database, PostgreSQL' };
  const there = SHAPES.filter((shape) => shape !== (same as Record<string, string>)[engine]);
  const isMeant = (shape: Shape) =>
    only.length === 0 || only.some((part) => shape.toLowerCase().includes(part.toLowerCase()));
  return there.filter((shape) => shape === BASE || isMeant(shape));
}

async function measure(shape: Shape, base: string, urls: Urls, payments: number): Promise<Figures> {
  const { business, options, close } = await openPlace(shape, base, urls);
  try {
    const shop = await openShop(business, options);
    try {
      await createBusiness(shop);
      await arriveOneByOne(shop, 'W', WARM_UP);
      const { result, asked } = await countAsked(business, () => arriveOneByOne(shop, 'L', payments));
      const perSecond = await arriveAtOnce(shop, payments);
      await checkCards(shop, WARM_UP + 2 * payments);
      return { ...result, asked, perSecond };
    } finally {
      await shop.close();
    }
  } finally {
    await close();
  }
}

function tableOf(measured: ReadonlyMap<Shape, readonly Figures[]>, payments: number): string {
  const rows = [...measured].map(([shape, figures]) => {
    const each = (of: (figures: Figures) => number) => figures.map(of);
    /** Within a round, in which all take turns. */
    const toBase = (of: (figures: Figures) => number) =>
      shape === BASE ? '1' : spread(figures.map((one, i) => of(one) / of(measured.get(BASE)![i]!)));
    const effect = ({ effect }: Figures) => quantile(effect, 0.5);
    const perSecond = (one: Figures) => one.perSecond;
    const counted = figures.flatMap(({ asked }) => asked ?? []);
    const aMessage = (of: (asked: Asked) => number) =>
      counted.length === 0 ? '' : (quantile(counted.map(of), 0.5) / payments).toFixed(1);
    return [
      shape,
      spread(each(effect)),
      toBase(effect),
      spread(each(({ effect }) => quantile(effect, 0.99))),
      spread(each(({ ack }) => quantile(ack, 0.5))),
      spread(each(perSecond), 0),
      toBase(perSecond),
      aMessage(({ statements }) => statements),
      aMessage(({ commits }) => commits),
    ];
  });
  const head = [
    'shape',
    `to the effect at ${A_SECOND}/s, p50, ms`,
    '÷ one database',
    'p99, ms',
    'to the ACK, p50, ms',
    'messages a second',
    '÷ one database',
    `statements a message at ${A_SECOND}/s`,
    'COMMITs',
  ];
  return table([head, ...rows]);
}
