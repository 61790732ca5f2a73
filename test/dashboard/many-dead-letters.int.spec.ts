import type { QueryRunner } from 'typeorm';
import { type Connection, databaseOf } from '../../src/storage/index.js';
import { listDeadLetters } from '../../src/storage/statements/dead-letters.js';
import { resolvePosition } from '../../src/broker/dead-letter-selector.js';
import { numbered, publishOrders, subscribe } from '../support/broker.js';
import { type Engine, type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { rowsRead } from '../support/rows-read.js';
import { type Browser, type MountedDashboard, mountDashboard, openBrowser } from './support/mounted.js';

// Property: a page of dead letters costs the same whether there are 50 of them or 100,000, and the same at their end as at
// their beginning.

const MANY = 100_000;
const PAGE = 50;
/** Of each table that a row is put together from: dead letter, message, topic and group. */
const TABLES = 4;

describe.each(engines)('100,000 dead letters on %s', (engine) => {
  let database: TestDatabase;
  let app: MountedDashboard;
  let browser: Browser;

  beforeAll(async () => {
    database = await createDatabase(engine);
    app = await mountDashboard(database);
    await subscribe(app, 'cards');
    await publishOrders(app, numbered(MANY));
    const { dataSource } = app;
    // Ten of them die at each moment.
    const tenth = ['mariadb', 'mysql'].includes(engine) ? 'seq DIV 10' : 'seq / 10';
    await dataSource.query(
      `INSERT INTO mq_dead_letter (subscription_id, seq, reason, failures, lost_leases, dead_at)
       SELECT subscription_id, seq, 'failed', 3, 0, 1700000000000000 + ${tenth} FROM mq_delivery`,
    );
    await dataSource.query('DELETE FROM mq_delivery');
    await forgetStatistics(app, engine);
    browser = await openBrowser(app);
  }, 120_000);

  afterAll(async () => {
    await app?.close();
    await database?.drop();
  });

  const page = async (query: string) => (await browser.get(`api/dead-letters?${query}`)).json;

  it('are met page by page, each once', async () => {
    const first = await page('');
    expect(first.letters).toHaveLength(PAGE);
    expect(first.letters[0].bizId).toBe(`O-${MANY}`);
    const second = await page(`after=${first.next}`);
    const ids = [...first.letters, ...second.letters].map(({ bizId }: { bizId: string }) => bizId);
    expect(ids).toEqual(Array.from({ length: 2 * PAGE }, (_, i) => `O-${MANY - i}`));
  });

  it('cost no more rows at their end than at their beginning', async () => {
    const at = databaseOf(app.dataSource);
    const runner = app.dataSource.createQueryRunner();
    const { letters } = await page('');
    // Those of one moment, in the middle and near the end.
    const [{ subscriptionId } = letters[0]] = await app.broker.deadLetters.list({ limit: 1 });
    const [{ seq: lowest }] = await app.dataSource.query('SELECT MIN(seq) AS seq FROM mq_dead_letter');
    const positions = [undefined, letters[7].position].concat(
      [MANY / 2, 200].map((n) => {
        const seq = Number(lowest) + n;
        return `${1_700_000_000_000_000 + Math.floor(seq / 10)}-${subscriptionId}-${seq}`;
      }),
    );
    try {
      for (const position of positions) {
        const behind = position === undefined ? undefined : resolvePosition(position);
        const look = async (on: Connection) => {
          expect(await listDeadLetters(at, on, { behind }, PAGE + 1)).toHaveLength(PAGE + 1);
        };
        if (engine === 'sqlite') await goesByTheIndex(runner, look, behind !== undefined);
        else expect(await rowsRead(runner, look)).toBeLessThan(2 * TABLES * PAGE);
      }
    } finally {
      await runner.release();
    }
  });

  it('are shown with the number that there are', async () => {
    const { status } = (await browser.get('api/overview')).json;
    expect(status.groups[0].deadLetters).toEqual({ value: MANY, precision: 'exact' });
  });

  it('are requeued by what they have in common, and nothing that died later with them', async () => {
    const newest = (await page('')).letters[0];
    const answer = await browser.post('api/requeue-dead-letters', {
      all: { topic: 'order.placed', group: 'cards' },
      deadUntil: new Date(Date.parse(newest.deadAt) - 1).toISOString(),
    });
    expect(answer.json.count).toBeGreaterThan(0);
    expect(answer.json.count).toBeLessThan(MANY);
    const left = (await page('')).letters;
    expect(left[0].id).toBe(newest.id);
    expect(left.every(({ deadAt }: { deadAt: string }) => deadAt === newest.deadAt)).toBe(true);
  }, 120_000);
});

/** As they are for a while when very many have died at once: the servers count anew in the background, some time later. */
async function forgetStatistics({ dataSource }: MountedDashboard, engine: Engine): Promise<void> {
  if (engine !== 'mariadb' && engine !== 'mysql') return;
  const ofThese = "WHERE database_name = DATABASE() AND table_name IN ('mq_dead_letter', 'mq_message')";
  await dataSource.query('ALTER TABLE mq_dead_letter STATS_AUTO_RECALC = 0');
  await dataSource.query('ALTER TABLE mq_message STATS_AUTO_RECALC = 0');
  await dataSource.query(`UPDATE mysql.innodb_table_stats SET n_rows = 1 ${ofThese}`);
  await dataSource.query(`UPDATE mysql.innodb_index_stats SET stat_value = 1 ${ofThese}`);
  await dataSource.query('FLUSH TABLES mq_dead_letter, mq_message');
}

/** SQLite counts no rows: it has to begin at the position, and to sort nothing. */
async function goesByTheIndex(
  runner: QueryRunner,
  look: (on: Connection) => Promise<void>,
  hasPosition: boolean,
): Promise<void> {
  const plans: string[] = [];
  await look({
    query: async (sql, parameters, structured) => {
      const plan: { detail: string }[] = await runner.query(`EXPLAIN QUERY PLAN ${sql}`, parameters);
      plans.push(...plan.map(({ detail }) => detail));
      return runner.query(sql, parameters, structured);
    },
  });
  expect(plans[0]).toMatch(
    hasPosition ? /^SEARCH dl USING .*INDEX \S+ \(dead_at<\?\)$/ : /^SCAN dl USING .*INDEX/,
  );
  expect(plans.join()).not.toContain('TEMP B-TREE');
}
