import { setTimeout as pause } from 'node:timers/promises';
import type { Connection as Session } from 'mysql2/promise';
import type { ForgettingDeps } from '../src/consumer/index.js';
import { createDatabase, describeServer, openSession } from './support/database.js';
import { fillDedup } from './support/filled-dedup.js';
import { median, quantile, spread, table, timed } from './support/figures.js';
import { Load, type Window } from './support/load.js';
import { type Shop, createBusiness, openShop } from './support/shop.js';

/** What forgetting a million dedup rows costs those who publish and consume at full speed meanwhile. */

export interface ForgettingBesideLoadOptions {
  url: string;
  /** Dedup rows that are old enough to go. */
  rows: number;
  /** Transactions that pay at the same time. */
  publishers: number;
  rounds: number;
  /** How long a window without forgetting is, in milliseconds. */
  windowMs: number;
}

/** As each process that sweeps does it, with a breath between two batches; and as `Forgetting.forget()` does, without. */
const WAYS = ['with breaths', 'at full speed'] as const;
type Way = (typeof WAYS)[number];

interface Forgot {
  window: Window;
  ms: number;
  /** How long each batch took, in milliseconds. */
  batches: number[];
}

/** Longer ago than `retention.dedupMs` and the slack. Microseconds. */
const OLD_US = 60 * 86_400_000_000;
const SETTLE_MS = 3_000;

export async function forgettingBesideLoad(options: ForgettingBesideLoadOptions): Promise<void> {
  const { url, rounds, rows, publishers, windowMs } = options;
  const database = await createDatabase(url);
  const server = await openSession(database);
  const shop = await openShop(database, { roles: { sweep: false } });
  const load = new Load(shop, publishers);
  try {
    await createBusiness(shop);
    console.log(`\n${await describeServer(server)}; ${publishers} publishers, ${rounds} rounds`);
    const without: Window[] = [];
    const forgot: Record<Way, Forgot[]> = { 'with breaths': [], 'at full speed': [] };
    const locks = await lockTroubles(server);
    load.start();
    for (let round = 0; round < rounds; round++) {
      for (const way of WAYS) {
        await load.held(() => fillAgain(shop, rows));
        await pause(SETTLE_MS);
        without.push(await load.during(() => pause(windowMs)));
        forgot[way].push(await forget(shop, load, way, rows));
        await pause(SETTLE_MS);
        without.push(await load.during(() => pause(windowMs)));
      }
    }
    await load.stop();
    for (const way of WAYS) console.log(`\n${report(way, rows, without, forgot[way])}`);
    const after = await lockTroubles(server);
    console.log(
      `\ndeadlocks ${after.deadlocks - locks.deadlocks}, lock wait timeouts ${after.timeouts - locks.timeouts}`,
    );
    console.log(await load.judge());
  } finally {
    await load.stop();
    await server.end();
    await shop.close();
    await database.drop();
  }
}

async function forget(shop: Shop, load: Load, way: Way, rows: number): Promise<Forgot> {
  const batches = timeBatches(shop);
  let ms = 0;
  const window = await load.during(async () => {
    ms = await timed(() => (way === 'at full speed' ? shop.forgetting.forget() : passWithBreaths(shop)));
  });
  const [{ n }] = await shop.dataSource.query<[{ n: number | string }]>(
    "SELECT COUNT(*) AS n FROM mq_dedup WHERE created_at < TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) - 86400000000",
  );
  if (Number(n) > 0) throw new Error(`${n} of ${rows} rows were not forgotten.`);
  return { window, ms, batches: batches() };
}

/** What its timer does. */
function passWithBreaths({ forgetting }: Shop): Promise<unknown> {
  const { signal } = new AbortController();
  return (forgetting as unknown as { pass(signal: AbortSignal): Promise<unknown> }).pass(signal);
}

/** @returns what ends it, and says how long each transaction of forgetting took */
function timeBatches({ forgetting }: Shop): () => number[] {
  const { deps } = forgetting as unknown as { deps: ForgettingDeps };
  const { connections } = deps;
  const batches: number[] = [];
  deps.connections = Object.assign(Object.create(connections) as typeof connections, {
    controlTransaction: async <T>(work: Parameters<typeof connections.controlTransaction<T>>[0]) => {
      const began = performance.now();
      const result = await connections.controlTransaction(work);
      batches.push(performance.now() - began);
      return result;
    },
  });
  return () => {
    deps.connections = connections;
    return batches;
  };
}

function report(way: Way, rows: number, without: readonly Window[], forgot: readonly Forgot[]): string {
  const row = (name: string, value: (window: Window) => number) => {
    const [a, b] = [without.map(value), forgot.map(({ window }) => value(window))];
    return [name, spread(a, 1), spread(b, 1), (median(b) / median(a)).toFixed(2)];
  };
  const batches = forgot.flatMap((each) => each.batches);
  const seconds = forgot.map(({ ms }) => ms / 1_000);
  return [
    table([
      ['', 'without', `beside forgetting ${way}`, 'ratio of the medians'],
      row('cards a second', ({ perSecond }) => perSecond),
      row('payment to card, p50, ms', ({ p50 }) => p50),
      row('payment to card, p99, ms', ({ p99 }) => p99),
      row('payment to card, longest, ms', ({ longest }) => longest),
    ]),
    '',
    `forgetting ${rows.toLocaleString('en')} rows ${way}: ${spread(seconds, 1)} s; ` +
      `${batches.length} batches, median ${median(batches).toFixed(1)} ms, p99 ${quantile(batches, 0.99).toFixed(1)} ms, longest ${Math.max(...batches).toFixed(0)} ms`,
  ].join('\n');
}

/** The rows of another time, with biz-ids that no payment has; and nobody has forgotten anything yet. */
async function fillAgain({ dataSource }: Shop, rows: number): Promise<void> {
  const noted = `TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6)) - ${OLD_US}`;
  await fillDedup(dataSource, { rows, order: 'random', noted });
  for (const table of ['mq_scenario', 'mq_scenario_source'])
    await dataSource.query(`UPDATE ${table} SET mark = NULL`);
}

async function lockTroubles(server: Session): Promise<{ deadlocks: number; timeouts: number }> {
  const [rows] = await server.query(
    "SELECT name, count AS n FROM information_schema.innodb_metrics WHERE name IN ('lock_deadlocks', 'lock_timeouts')",
  );
  const counts = new Map((rows as { name: string; n: number }[]).map(({ name, n }) => [name, Number(n)]));
  return { deadlocks: counts.get('lock_deadlocks') ?? NaN, timeouts: counts.get('lock_timeouts') ?? NaN };
}
