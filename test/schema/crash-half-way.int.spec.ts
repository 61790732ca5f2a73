import type { DataSource, QueryRunner } from 'typeorm';
import { migrate } from '../../src/index.js';
import { type TestDatabase, emptyDatabase, engines } from '../support/engines.js';
import { TABLES, connect, count, definitionsOf, tableNamesOf, tablesWith } from './support/tables-of.js';

/**
 * Fails at the statement after so many that changed something, as a process does that is killed there.
 *
 * @returns how many tables were created until then
 */
function crashAfter(dataSource: DataSource, changes: number): () => number {
  let tables = 0;
  const createQueryRunner = dataSource.createQueryRunner.bind(dataSource);
  let left = changes;
  dataSource.createQueryRunner = (mode) => {
    const runner = createQueryRunner(mode);
    const query: QueryRunner['query'] = runner.query.bind(runner);
    runner.query = ((sql: string, ...rest: never[]) => {
      if (/^(CREATE|INSERT)/.test(sql) && left-- === 0) return Promise.reject(new Error('crashed here'));
      if (sql.startsWith('CREATE')) tables++;
      return query(sql, ...rest);
    }) as QueryRunner['query'];
    return runner;
  };
  return () => tables;
}

describe.each(engines)('a migration that crashes half-way on %s', (engine) => {
  let database: TestDatabase;
  let healthy: DataSource;

  beforeEach(async () => {
    database = await emptyDatabase(engine);
    healthy = await connect(database);
  });

  afterEach(async () => {
    await healthy.destroy();
    await database.drop();
  });

  // Beside the tables there are two rows to be inserted: the outbox's name, and the version, which is the last.
  const points = Array.from({ length: TABLES.length + 1 }, (_, i) => i + 1);

  // Some thirty times, all tables are made and dropped.
  it('is repaired by running it again, wherever it stopped', async () => {
    await migrate(healthy);
    const whole = await definitionsOf(healthy);
    for (const changes of points) {
      for (const table of Object.keys(whole)) await healthy.query(`DROP TABLE ${table}`);
      const crashing = await connect(database);
      const created = crashAfter(crashing, changes);
      await expect(migrate(crashing)).rejects.toThrow('crashed here');
      await crashing.destroy();
      // Each CREATE TABLE of MySQL commits by itself; the others take all of them back.
      const isTakenBack = engine === 'sqlite' || engine === 'postgres';
      expect(await tableNamesOf(healthy)).toHaveLength(isTakenBack ? 0 : created());
      await migrate(healthy);
      expect(await definitionsOf(healthy)).toEqual(whole);
      expect(await count(healthy, 'mq_schema_version')).toBe(1);
      expect(await count(healthy, 'mq_outbox_origin')).toBe(1);
    }
    expect(Object.keys(whole).sort()).toEqual(tablesWith('mq_'));
  }, 240_000);

  it('leaves no lock behind: another process may go on at once', async () => {
    const crashing = await connect(database);
    crashAfter(crashing, 3);
    await expect(migrate(crashing)).rejects.toThrow('crashed here');
    await migrate(healthy);
    expect(await tableNamesOf(healthy)).toEqual(tablesWith('mq_'));
    await crashing.destroy();
  });
});
