import { performance } from 'node:perf_hooks';
import { makeSqliteSafe, SqliteWriteTimeoutError } from '../../src/storage/sqlite/index.js';
import { Child } from './fixtures/child.js';
import { paymentIds, SqliteDatabases } from './fixtures/sqlite-database.js';

// Property: a lock of another process costs time, and nothing else: no row, no error before the limit, and no stall of
// this process.

describe('a SQLite file that other processes write to, too', () => {
  let databases: SqliteDatabases;
  const children: Child[] = [];
  beforeEach(() => (databases = new SqliteDatabases()));
  afterEach(async () => {
    await Promise.all(children.splice(0).map((child) => child.kill()));
    await databases.remove();
  });

  const start = async (script: string, ...args: string[]): Promise<Child> => {
    const child = await Child.start(script, [databases.file(), ...args]);
    children.push(child);
    return child;
  };

  it('has every row of two processes with 500 transactions each', async () => {
    const { dataSource } = await databases.safe();
    const writers = await Promise.all([
      start('sqlite-writer.ts', 'left', '500'),
      start('sqlite-writer.ts', 'right', '500'),
    ]);
    for (const writer of writers) writer.goOn();
    expect(await Promise.all(writers.map((writer) => writer.end()))).toEqual([0, 0]);
    const expected = ['left', 'right'].flatMap((name) =>
      Array.from({ length: 500 }, (_, i) => [`${name}-${i}-a`, `${name}-${i}-b`]).flat(),
    );
    expect(await paymentIds(dataSource)).toEqual(expected.sort());
  });

  it('keeps its own event loop turning while another process holds the lock', async () => {
    const { dataSource } = await databases.safe();
    const holder = await start('sqlite-lock-holder.mjs');
    const order: string[] = [];
    const written = Promise.all([
      dataSource.query("INSERT INTO payment VALUES ('statement', 1)"),
      dataSource.transaction((manager) => manager.query("INSERT INTO payment VALUES ('transaction', 1)")),
      dataSource.transaction((manager) => manager.query("INSERT INTO payment VALUES ('another', 1)")),
    ]).then(() => order.push('written'));

    let longestStallMs = 0;
    for (let turn = 0, last = performance.now(); turn < 20_000; turn++) {
      await new Promise(setImmediate);
      const now = performance.now();
      longestStallMs = Math.max(longestStallMs, now - last);
      last = now;
    }
    expect(await paymentIds(dataSource)).toEqual([]); // readers don't mind
    order.push('released');
    holder.goOn();
    await written;
    expect(order).toEqual(['released', 'written']);
    expect(longestStallMs).toBeLessThan(200);
    expect(await paymentIds(dataSource)).toEqual(['another', 'statement', 'transaction']);
  });

  it('says that it is another process that holds the lock, and that nothing happened', async () => {
    const { dataSource, connections } = await databases.safe({}, { writeWaitMs: 30 });
    const holder = await start('sqlite-lock-holder.mjs');
    const errors: SqliteWriteTimeoutError[] = await Promise.all([
      dataSource.query("INSERT INTO payment VALUES ('a', 1)").catch((error) => error),
    ]);
    const runner = connections.createQueryRunner({ name: 'relay' });
    errors.push(await runner.startTransaction().catch((error) => error));
    for (const error of errors) {
      expect(error).toBeInstanceOf(SqliteWriteTimeoutError);
      expect(error.holder).toBeUndefined();
      expect(error.message).toContain('another process');
    }
    expect(errors[1]?.message).toContain('relay waited');
    holder.goOn();
    expect(await holder.end()).toBe(0);
    await runner.startTransaction();
    await runner.commitTransaction();
    await runner.release();
    expect(await paymentIds(dataSource)).toEqual([]);
  });

  it('opens its handles, and switches to WAL, without giving up on a lock of another process', async () => {
    const dataSource = await databases.plain();
    const holder = await start('sqlite-lock-holder.mjs'); // in the old journal mode
    makeSqliteSafe(dataSource);
    const reading = paymentIds(dataSource);
    const writing = dataSource.query("INSERT INTO payment VALUES ('a', 1)");
    for (let turn = 0; turn < 1000; turn++) await new Promise(setImmediate);
    holder.goOn();
    await Promise.all([reading, writing]);
    expect(await dataSource.query('PRAGMA journal_mode')).toEqual([{ journal_mode: 'wal' }]);
  });
});
