import type { DataSource, QueryRunner } from 'typeorm';
import {
  type ForgettableRow,
  databaseOf,
  deleteDedup,
  insertDedup,
  lockForgettable,
  readDedup,
} from '../../src/storage/index.js';
import { type BusinessParts, openBusiness } from '../relay/parts.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { rowsRead } from '../support/rows-read.js';
import { countRows } from '../support/tables.js';

// Property: a consumer's INSERT into the dedup log looks at its own row alone, and forgetting at the rows of its batch, however
// many there are that stay, and however many that go. (What was deleted and is not purged yet, no server counts.)

const ROWS = 131_072;
const BATCH = 500;
const SCENARIO = 7;
const LONG_AGO = 1_000_000;
const TOKEN = Buffer.alloc(16, 1);

describe.each(engines)('the rows that the dedup log looks at, on %s,', (engine) => {
  let database: TestDatabase;
  let business: BusinessParts;
  let runner: QueryRunner;

  beforeEach(async () => {
    database = await createDatabase(engine);
    business = await openBusiness(database);
    runner = business.dataSource.createQueryRunner();
    await business.dataSource.query(
      'INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, created_at) VALUES (?, ?, ?, 1, ?)',
      [SCENARIO, Buffer.from('P-'), TOKEN, LONG_AGO],
    );
    // The first one also opens tables and looks at statistics.
    await cost();
  });

  afterEach(async () => {
    await runner.release();
    await business.close();
    await database.drop();
  });

  const key = (bizId: string) => ({ scenarioId: SCENARIO, bizId: Buffer.from(bizId) });
  const delivery = { token: TOKEN, seq: 9, sourceId: 1 };

  /** Of a consumer's INSERT: of a biz-id that is new, and of one that is there, whose row is looked at then. */
  const cost = async () => {
    const tables = databaseOf(business.dataSource);
    return {
      first: await rowsRead(runner, (on) => insertDedup(tables, on, key('new'), delivery)),
      repeat: await rowsRead(runner, async (on) => {
        expect(await insertDedup(tables, on, key('P-'), delivery)).toBeUndefined();
        expect(await readDedup(tables, on, key('P-'))).toBeDefined();
      }),
    };
  };

  it('are the same for an INSERT with more than a hundred thousand rows there', async () => {
    const before = await cost();
    await multiply(business.dataSource);
    expect(await countRows(business.dataSource, 'dedup')).toBe(ROWS);
    expect(await cost()).toEqual(before);
    expect(before.first).toBeLessThanOrEqual(1);
    expect(before.repeat).toBeLessThanOrEqual(3);
  }, 120_000);

  it('are those of a batch when rows are forgotten, at the first one and behind it, and none where none is old enough', async () => {
    await multiply(business.dataSource);
    const tables = databaseOf(business.dataSource);
    let last: ForgettableRow | undefined;
    const batch = (before: number, expected: number) =>
      rowsRead(runner, async (on) => {
        const after = last;
        const rows = await lockForgettable(tables, on, { scenarioId: SCENARIO, before, after, limit: BATCH });
        expect(rows).toHaveLength(expected);
        if (expected === 0) return;
        last = rows.at(-1);
        const gone = rows.map(({ bizId }) => bizId);
        expect(await deleteDedup(tables, on, SCENARIO, gone)).toBe(expected);
      });
    // Each is looked up in the index, in the table, and once more to be deleted, by a list of as many keys; and what ends each.
    const most = 5 * BATCH + 5;
    const first = await batch(LONG_AGO + ROWS, BATCH);
    const second = await batch(LONG_AGO + ROWS, BATCH);
    last = { bizId: Buffer.alloc(0), createdAt: LONG_AGO + ROWS / 2 };
    const third = await batch(LONG_AGO + ROWS, BATCH);
    for (const read of [first, second, third]) expect(read).toBeLessThanOrEqual(most);
    last = undefined;
    expect(await batch(LONG_AGO, 0)).toBeLessThanOrEqual(1);
  }, 120_000);

  /** Doubles the rows until there are enough, each noted a microsecond behind the one before. */
  async function multiply(dataSource: DataSource): Promise<void> {
    let suffix = 'a'.charCodeAt(0);
    for (let rows = 1; rows < ROWS; rows *= 2) {
      const letter = String.fromCharCode(suffix++);
      const bizId = {
        sqlite: `CAST(biz_id || '${letter}' AS BLOB)`,
        postgres: `biz_id || convert_to('${letter}', 'UTF8')`,
        mariadb: `CONCAT(biz_id, '${letter}')`,
        mysql: `CONCAT(biz_id, '${letter}')`,
      }[engine];
      await dataSource.query(
        `INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, created_at)
         SELECT scenario_id, ${bizId}, token, seq, created_at + ${rows} FROM mq_dedup`,
      );
    }
    // As autovacuum does within a minute.
    if (engine === 'postgres') await dataSource.query('ANALYZE mq_dedup');
  }
});
