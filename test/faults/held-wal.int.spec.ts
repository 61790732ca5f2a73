import Sqlite from 'better-sqlite3';
import { type IdempotentMqEvent, IdempotentMqEvents } from '../../src/events/index.js';
import { logWatchingEvents } from '../../src/log-watching-events.js';
import { WatchingTransactions } from '../../src/watching-transactions.js';
import { type BusinessParts, openBusiness } from '../relay/parts.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';

// Property: somebody who reads from a SQLite file for too long keeps its log from being taken into the file. That is told of, with
// the name of the transaction where it is one of this process; and a log that was long once is no reason.

const LONG_BYTES = 200_000;

describe('a SQLite file that somebody reads for long', () => {
  let database: TestDatabase;
  let file: string;
  let business: BusinessParts;
  let watching: WatchingTransactions;
  let told: IdempotentMqEvent[];
  let lines: string[];
  let now: number;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
    file = (database.options as { database: string }).database;
    business = await openBusiness(database);
    const events = new IdempotentMqEvents();
    [told, lines, now] = [[], [], 0];
    events.events$.subscribe((event) => told.push(event));
    logWatchingEvents(events, { warn: (line: string) => lines.push(line) });
    watching = new WatchingTransactions(business.connections, events, {
      name: file,
      longWalBytes: LONG_BYTES,
      now: () => now,
      onNotAllowed: () => undefined,
    });
    await business.dataSource.query('CREATE TABLE big (body TEXT)');
  });

  afterEach(async () => {
    await business.close();
    await database.drop();
  });

  /** In small transactions, as consumers write. */
  const write = async (bytes: number) => {
    for (let written = 0; written < bytes; written += 10_000)
      await business.dataSource.query('INSERT INTO big VALUES (?)', ['x'.repeat(10_000)]);
  };

  const reader = () => {
    const handle = new Sqlite(file);
    handle.exec('BEGIN');
    handle.prepare('SELECT COUNT(*) FROM big').get();
    return handle;
  };

  it('has a log that is held, which is said with its size', async () => {
    const handle = reader();
    await write(2 * LONG_BYTES);
    await watching.look();
    handle.close();
    expect(told).toEqual([
      { type: 'wal-held', file: `${file}-wal`, bytes: expect.any(Number), oldest: undefined },
    ]);
    expect(told[0]).toHaveProperty('bytes', expect.any(Number));
    expect((told[0] as { bytes: number }).bytes).toBeGreaterThan(2 * LONG_BYTES);
    expect(lines).toEqual([expect.stringContaining(`lsof ${file}-wal`)]);
  });

  it('is named where it is a transaction of this process', async () => {
    const runner = business.dataSource.createQueryRunner();
    // A plain BEGIN would take the write lock at once.
    await runner.query('BEGIN DEFERRED');
    await runner.query('SELECT COUNT(*) FROM big');
    await write(2 * LONG_BYTES);
    await watching.look();
    expect(told).toMatchObject([
      {
        type: 'wal-held',
        oldest: { name: `a query runner of the DataSource on ${file}`, openMs: expect.any(Number) },
      },
    ]);
    expect(lines).toEqual([expect.stringContaining(`that of a query runner of the DataSource on ${file}`)]);
    await runner.query('COMMIT');
    expect(business.connections.oldestTransaction()).toBeUndefined();
    await runner.release();
  });

  it('is told of again after ten minutes', async () => {
    const handle = reader();
    await write(2 * LONG_BYTES);
    await watching.look();
    now += 599_999;
    await watching.look();
    expect(told).toHaveLength(1);
    now += 1;
    await watching.look();
    expect(told).toHaveLength(2);
    handle.close();
  });

  it('is forgotten when it has gone, though the log is as long as it was', async () => {
    const handle = reader();
    await write(2 * LONG_BYTES);
    handle.close();
    await watching.look();
    expect(told).toEqual([]);
  });

  it('is nobody while the log is short, or the database in memory', async () => {
    const handle = reader();
    await watching.look();
    handle.close();
    const inMemory = await openBusiness({
      ...database,
      options: { type: 'better-sqlite3', database: ':memory:' },
    });
    const options = { name: ':memory:', longWalBytes: 0, onNotAllowed: () => undefined };
    await new WatchingTransactions(inMemory.connections, inMemory.events, options).look();
    await inMemory.close();
    expect([...told, ...inMemory.seen]).toEqual([]);
  });
});
