import type { Connection as Session } from 'mysql2/promise';
import type { QueryRunner } from 'typeorm';
import { databaseOf, insertDedup, mysqlConsumerSession } from '../src/storage/index.js';
import { consumeAtOnce } from './support/consuming.js';
import { type BenchDatabase, createDatabase, describeServer, openSession } from './support/database.js';
import { spread, table, timed } from './support/figures.js';
import { type KeyOrder, bizIdOf, fillDedup } from './support/filled-dedup.js';
import { type Shop, createBusiness, openShop } from './support/shop.js';

/** What an INSERT into the dedup log costs, and a consumer that does it, by the rows that are there already. */

export interface DedupRowsOptions {
  url: string;
  /** Rows that are there already, one database each. */
  sizes: readonly number[];
  orders: readonly KeyOrder[];
  rounds: number;
  /** Sizes of the server's buffer pool to measure with, in MiB. Empty: as it is. */
  pools: readonly number[];
}

const INSERTS = 500;
const PAYMENTS = 500;
/** Far in the past, so that no row that was filled in is younger than one of the measurement. */
const NOTED = '1';

interface Measured {
  rows: number;
  database: BenchDatabase;
  shop: Shop;
  runner: QueryRunner;
  /** The next number that has not been used. */
  next: number;
}

export async function dedupRows(options: DedupRowsOptions): Promise<void> {
  for (const order of options.orders) await withKeys(order, options);
}

async function withKeys(order: KeyOrder, { url, sizes, rounds, pools }: DedupRowsOptions): Promise<void> {
  const all: Measured[] = [];
  try {
    for (const rows of sizes) all.push(await prepare(url, rows, order));
    const server = await openSession(all[0]!.database);
    const former = await poolOf(server);
    console.log(`\nbiz-ids: ${order}. ${await spaceOf(server, all)}`);
    for (const pool of pools.length > 0 ? pools : [undefined]) {
      if (pool !== undefined) await resize(server, pool * 1024 * 1024);
      for (const { shop } of all) await warmUp(shop);
      console.log(`\n${await describeServer(server)}; ${rounds} rounds, alternating\n`);
      console.log(await measure(order, all, rounds));
    }
    await resize(server, former);
    await server.end();
  } finally {
    for (const each of all) {
      await each.runner.release();
      await each.shop.close();
      await each.database.drop();
    }
  }
}

async function prepare(url: string, rows: number, order: KeyOrder): Promise<Measured> {
  const database = await createDatabase(url);
  const shop = await openShop(database, { roles: { sweep: false } });
  await createBusiness(shop);
  const ms = await timed(() => fillDedup(shop.dataSource, { rows, order, noted: NOTED }));
  console.log(`filled ${rows.toLocaleString('en')} rows, ${order}, in ${(ms / 1000).toFixed(0)} s`);
  const runner = shop.dataSource.createQueryRunner();
  for (const statement of mysqlConsumerSession(3_600)) await runner.query(statement);
  return { rows, database, shop, runner, next: rows };
}

async function measure(order: KeyOrder, all: readonly Measured[], rounds: number): Promise<string> {
  const inserts = new Map(all.map((each) => [each, [] as number[]]));
  const consumed = new Map(all.map((each) => [each, [] as number[]]));
  // The first round only warms up.
  for (let round = 0; round <= rounds; round++) {
    const turns = round % 2 === 0 ? all : [...all].reverse();
    for (const each of turns) {
      const micros = (1_000 * (await timed(() => insertRows(order, each)))) / INSERTS;
      if (round > 0) inserts.get(each)!.push(micros);
    }
    for (const each of turns) {
      const payments = Array.from({ length: PAYMENTS }, () => nextKey(order, each));
      const perSecond = await consumeAtOnce(each.shop, payments);
      if (round > 0) consumed.get(each)!.push(perSecond);
    }
  }
  const [first] = all;
  const ratio = (of: Map<Measured, number[]>, each: Measured) =>
    spread(of.get(each)!.map((value, round) => value / of.get(first!)![round]!));
  return table([
    ['rows', 'µs an INSERT', '÷ empty', 'consumed a second', '÷ empty'],
    ...all.map((each) => [
      each.rows.toLocaleString('en'),
      spread(inserts.get(each)!, 0),
      ratio(inserts, each),
      spread(consumed.get(each)!, 0),
      ratio(consumed, each),
    ]),
  ]);
}

/** The library's statement, one after the other, in one transaction: no COMMIT hides what it costs. */
async function insertRows(order: KeyOrder, each: Measured): Promise<void> {
  const database = databaseOf(each.shop.dataSource);
  const [{ id }] = (await each.runner.query('SELECT id FROM mq_scenario LIMIT 1')) as [{ id: number }];
  for (let i = 0; i < INSERTS; i++) {
    const bizId = Buffer.from(nextKey(order, each));
    const inserted = await insertDedup(
      database,
      each.runner,
      { scenarioId: id, bizId },
      { token: Buffer.alloc(16, 7), seq: each.next, sourceId: 1 },
    );
    if (!inserted) throw new Error(`${bizId.toString()} was there already.`);
  }
  await each.runner.query('COMMIT');
}

function nextKey(order: KeyOrder, each: Measured): string {
  return bizIdOf(order, each.next++);
}

async function poolOf(server: Session): Promise<number> {
  const [rows] = await server.query('SELECT @@innodb_buffer_pool_size AS bytes');
  return Number((rows as [{ bytes: number }])[0].bytes);
}

async function resize(server: Session, bytes: number): Promise<void> {
  await server.query('SET GLOBAL innodb_buffer_pool_size = ?', [bytes]);
  for (let waited = 0; (await poolOf(server)) !== bytes && waited < 600; waited++)
    await server.query('DO SLEEP(0.1)');
}

/** What fits into memory is there, as it would be on a server that has run for a while. */
async function warmUp({ dataSource }: Shop): Promise<void> {
  await dataSource.query('SELECT SUM(LENGTH(token)) FROM mq_dedup FORCE INDEX (PRIMARY)');
  await dataSource.query('SELECT COUNT(*) FROM mq_dedup FORCE INDEX (dedup_created_at)');
}

async function spaceOf(server: Session, all: readonly Measured[]): Promise<string> {
  const spaces: string[] = [];
  for (const { database, rows, shop } of all) {
    await shop.dataSource.query('ANALYZE TABLE mq_dedup');
    const [found] = await server.query(
      `SELECT data_length AS data, index_length AS extra FROM information_schema.tables WHERE table_schema = ? AND table_name = 'mq_dedup'`,
      [(database.options as { database: string }).database],
    );
    const [{ data, extra }] = found as [{ data: number; extra: number }];
    const mb = (bytes: number) => `${Math.round(Number(bytes) / 1e6)} MB`;
    spaces.push(`${rows.toLocaleString('en')} rows: ${mb(data)} and ${mb(extra)} of index`);
  }
  return spaces.join('; ');
}
