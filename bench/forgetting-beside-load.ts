import { setTimeout as pause } from 'node:timers/promises';
import type { Connection as Session } from 'mysql2/promise';
import type { ForgettingDeps } from '../src/consumer/index.js';
import { createDatabase, describeServer, openSession } from './support/database.js';
import { fillDedup } from './support/filled-dedup.js';
import { median, quantile, spread, table } from './support/figures.js';
import { Load, type Window } from './support/load.js';
import { type Shop, createBusiness, openShop } from './support/shop.js';

/**
 * What forgetting a million dedup rows costs those who publish and consume at full speed meanwhile. It goes on and stands
 * still by turns of some seconds, so that a machine that others use too is as busy with the one as with the other.
 */

export interface ForgettingBesideLoadOptions {
  url: string;
  /** Dedup rows that are old enough to go. */
  rows: number;
  /** Transactions that pay at the same time. */
  publishers: number;
  rounds: number;
  /** How long forgetting goes on, and then stands still, in milliseconds. */
  windowMs: number;
}

/** As each process that sweeps does it, with a breath between two batches; and as `Forgetting.forget()` does, without. */
const WAYS = ['with breaths', 'at full speed'] as const;
type Way = (typeof WAYS)[number];

interface Forgot {
  without: Window[];
  beside: Window[];
  /** How long it went on, in milliseconds. */
  ms: number;
  /** How long each batch took, in milliseconds. */
  batches: number[];
}

/** Longer ago than `retention.dedupMs` and the slack. Microseconds. */
const OLD_US = 60 * 86_400_000_000;
const SETTLE_MS = 5_000;

export async function forgettingBesideLoad(options: ForgettingBesideLoadOptions): Promise<void> {
  const { url, rounds, rows, publishers } = options;
  const database = await createDatabase(url);
  const server = await openSession(database);
  const shop = await openShop(database, { roles: { sweep: false } });
  const load = new Load(shop, publishers);
  try {
    await createBusiness(shop);
    console.log(`\n${await describeServer(server)}; ${publishers} publishers, ${rounds} rounds`);
    const locks = await lockTroubles(server);
    load.start();
    const forgot: Record<Way, Forgot[]> = { 'with breaths': [], 'at full speed': [] };
    for (let round = 0; round < rounds; round++) {
      for (const way of WAYS) {
        await load.held(() => fillAgain(shop, rows));
        await pause(SETTLE_MS);
        forgot[way].push(await forget(shop, load, way, options));
      }
    }
    await load.stop();
    for (const way of WAYS) console.log(`\n${report(way, rows, forgot[way])}`);
    const after = await lockTroubles(server);
    const [deadlocks, timeouts] = [after.deadlocks - locks.deadlocks, after.timeouts - locks.timeouts];
    console.log(`\ndeadlocks ${deadlocks}, lock wait timeouts ${timeouts}`);
    console.log(await load.judge());
  } finally {
    await load.stop();
    await server.end();
    await shop.close();
    await database.drop();
  }
}

async function forget(
  shop: Shop,
  load: Load,
  way: Way,
  { rows, windowMs }: ForgettingBesideLoadOptions,
): Promise<Forgot> {
  const forgot: Forgot = { without: [], beside: [], ms: 0, batches: [] };
  const turns = takeTurns(shop, forgot.batches);
  let over = false;
  const forgetting = (way === 'at full speed' ? shop.forgetting.forget() : passWithBreaths(shop)).finally(
    () => (over = true),
  );
  // What is left of the last turn is not compared.
  while (!over) {
    const began = performance.now();
    turns.goOn();
    const beside = await load.during(() => Promise.race([pause(windowMs), forgetting]));
    turns.standStill();
    forgot.ms += performance.now() - began;
    if (over) break;
    forgot.beside.push(beside);
    forgot.without.push(await load.during(() => pause(windowMs)));
  }
  await forgetting;
  turns.end();
  const [{ n }] = await shop.dataSource.query<[{ n: number | string }]>(
    'SELECT COUNT(*) AS n FROM mq_dedup WHERE created_at < ?',
    [Date.now() * 1_000 - OLD_US / 2],
  );
  if (Number(n) > 0) throw new Error(`${n} of ${rows} rows were not forgotten.`);
  return forgot;
}

/** What its timer does. */
function passWithBreaths({ forgetting }: Shop): Promise<unknown> {
  const { signal } = new AbortController();
  return (forgetting as unknown as { pass(signal: AbortSignal): Promise<unknown> }).pass(signal);
}

/** Holds forgetting between two of its transactions, and notes how long each of them took. It begins held. */
function takeTurns({ forgetting }: Shop, batches: number[]) {
  const { deps } = forgetting as unknown as { deps: ForgettingDeps };
  const { connections } = deps;
  let goOn: () => void = () => undefined;
  let turn = Promise.resolve();
  const standStill = () => {
    turn = new Promise((resolve) => (goOn = resolve));
  };
  deps.connections = Object.assign(Object.create(connections) as typeof connections, {
    controlTransaction: async <T>(work: Parameters<typeof connections.controlTransaction<T>>[0]) => {
      await turn;
      const began = performance.now();
      const result = await connections.controlTransaction(work);
      batches.push(performance.now() - began);
      return result;
    },
  });
  standStill();
  return { goOn: () => goOn(), standStill, end: () => (deps.connections = connections) };
}

function report(way: Way, rows: number, forgot: readonly Forgot[]): string {
  const [without, beside] = [forgot.flatMap((each) => each.without), forgot.flatMap((each) => each.beside)];
  const row = (name: string, value: (window: Window) => number) => [
    name,
    spread(without.map(value), 1),
    spread(beside.map(value), 1),
    median(beside.map((window, i) => value(window) / value(without[i]!))).toFixed(2),
  ];
  const batches = forgot.flatMap((each) => each.batches);
  const seconds = forgot.map(({ ms }) => ms / 1_000);
  return [
    table([
      [`${beside.length} turns each`, 'without', `beside forgetting ${way}`, 'ratio'],
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
  for (const marked of ['mq_scenario', 'mq_scenario_source'])
    await dataSource.query(`UPDATE ${marked} SET mark = NULL`);
}

async function lockTroubles(server: Session): Promise<{ deadlocks: number; timeouts: number }> {
  const [rows] = await server.query(
    "SELECT name, count AS n FROM information_schema.innodb_metrics WHERE name IN ('lock_deadlocks', 'lock_timeouts')",
  );
  const counts = new Map((rows as { name: string; n: number }[]).map(({ name, n }) => [name, Number(n)]));
  return { deadlocks: counts.get('lock_deadlocks') ?? NaN, timeouts: counts.get('lock_timeouts') ?? NaN };
}
