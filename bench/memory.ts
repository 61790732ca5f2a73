import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { type BenchDatabase, createDatabase, describeServer, openSession } from './support/database.js';
import { table } from './support/figures.js';
import { type Shop, createBusiness, openShop, payMany } from './support/shop.js';

/** What a process that publishes and consumes has in memory, after so many messages. */

export interface MemoryOptions {
  url: string | undefined;
  messages: number;
}

const STEPS = 20;
const AT_ONCE = 1_000;
const MIB = 1024 * 1024;

interface Sample {
  messages: number;
  heap: number;
  outside: number;
  resident: number;
}

export async function memory({ url, messages }: MemoryOptions): Promise<void> {
  const database = await createDatabase(url);
  const consumers = { concurrency: 4, perTransaction: 20 };
  const shop = await openShop(database, { consumers });
  try {
    await createBusiness(shop);
    console.log(`\n${await describe(database)}; ${messages.toLocaleString('en')} messages\n`);
    const samples = await consume(shop, messages);
    console.log(tableOf(samples));
    const [{ cards }] = await shop.dataSource.query<[{ cards: number | string }]>(
      'SELECT COUNT(DISTINCT payment_id) AS cards FROM card',
    );
    console.log(`\n${Number(cards).toLocaleString('en')} different cards`);
  } finally {
    await shop.close();
    await database.drop();
  }
}

/** A thousand are published when those before them have their cards, so that what waits is no part of what is seen. */
async function consume(shop: Shop, messages: number): Promise<Sample[]> {
  const samples: Sample[] = [];
  const step = Math.ceil(messages / STEPS / AT_ONCE) * AT_ONCE;
  let acknowledged = 0;
  let reached: () => void = () => undefined;
  let wanted = Infinity;
  const listening = shop.events.events$.subscribe(({ type }) => {
    if (type === 'acknowledged' && ++acknowledged >= wanted) reached();
  });
  for (let published = 0; published < messages; published += AT_ONCE) {
    const payments = Array.from({ length: AT_ONCE }, (_, i) => `P-${published + i}`);
    const done = new Promise<void>((resolve) => (reached = resolve));
    wanted = published + AT_ONCE;
    await payMany(shop, payments);
    if (acknowledged < wanted) await done;
    if (wanted % step === 0) samples.push(sample(wanted));
  }
  listening.unsubscribe();
  return samples;
}

function sample(messages: number): Sample {
  collectGarbage();
  const { heapUsed, external, arrayBuffers, rss } = process.memoryUsage();
  return { messages, heap: heapUsed, outside: external + arrayBuffers, resident: rss };
}

setFlagsFromString('--expose-gc');
const collectGarbage = runInNewContext('gc') as () => void;

function tableOf(samples: readonly Sample[]): string {
  const mib = (bytes: number) => (bytes / MIB).toFixed(1);
  return table([
    ['messages', 'heap, MiB', 'outside of it', 'resident'],
    ...samples.map(({ messages, heap, outside, resident }) => [
      messages.toLocaleString('en'),
      mib(heap),
      mib(outside),
      mib(resident),
    ]),
  ]);
}

async function describe(database: BenchDatabase): Promise<string> {
  if (database.engine === 'sqlite') return 'SQLite';
  const session = await openSession(database);
  return describeServer(session).finally(() => session.end());
}
