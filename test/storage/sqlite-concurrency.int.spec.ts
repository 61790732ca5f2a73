import Database from 'better-sqlite3';
import {
  makeSqliteSafe,
  SqliteTransactionLostError,
  SqliteWriteTimeoutError,
} from '../../src/storage/sqlite/index.js';
import { paymentIds, PaymentEntity, signal, SqliteDatabases } from './fixtures/sqlite-database.js';

// Property: on a DataSource that was made safe, what one query runner does never becomes part of, or gets lost with, the
// transaction of another.

describe('a SQLite file that was made safe for concurrent use', () => {
  let databases: SqliteDatabases;
  beforeEach(() => (databases = new SqliteDatabases()));
  afterEach(() => databases.remove());

  describe('transactions side by side', () => {
    it('keeps exactly the rows of those that committed', async () => {
      const { dataSource } = await databases.safe();
      const outcomes = await Promise.allSettled(
        Array.from({ length: 50 }, (_, i) =>
          dataSource.transaction(async (manager) => {
            await manager.insert(PaymentEntity, { id: `${i}-a`, amount: i });
            await manager.insert(PaymentEntity, { id: `${i}-b`, amount: i });
            if (i % 2 === 1) throw new Error('declined');
          }),
        ),
      );
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(25);
      const expected = Array.from({ length: 25 }, (_, i) => [`${2 * i}-a`, `${2 * i}-b`]).flat();
      expect(await paymentIds(dataSource)).toEqual(expected.sort());
    });

    it('would lose rows without it, so this suite can fail', async () => {
      const dataSource = await databases.plain();
      await Promise.allSettled(
        Array.from({ length: 50 }, (_, i) =>
          dataSource.transaction(async (manager) => {
            await manager.insert(PaymentEntity, { id: `${i}-a`, amount: i });
            if (i % 2 === 1) throw new Error('declined');
          }),
        ),
      );
      expect(await paymentIds(dataSource)).not.toHaveLength(25);
    });

    it('keeps a save() beside an open transaction out of it', async () => {
      const { dataSource } = await databases.safe();
      const repository = dataSource.getRepository(PaymentEntity);
      const opened = signal();
      const mayFail = signal();
      const transaction = dataSource.transaction(async (manager) => {
        await manager.insert(PaymentEntity, { id: 'inside', amount: 1 });
        opened.give();
        await mayFail.given;
        throw new Error('declined');
      });
      await opened.given;
      const saved = Promise.all([1, 2, 3].map((n) => repository.save({ id: `outside-${n}`, amount: n })));
      mayFail.give();
      await expect(transaction).rejects.toThrow('declined');
      await saved;
      expect(await paymentIds(dataSource)).toEqual(['outside-1', 'outside-2', 'outside-3']);
    });

    it('gives a repository that was made before the call a handle of its own, too', async () => {
      const dataSource = await databases.plain();
      const repository = dataSource.getRepository(PaymentEntity);
      makeSqliteSafe(dataSource);
      const runner = dataSource.createQueryRunner();
      await runner.startTransaction();
      await runner.query("INSERT INTO payment VALUES ('open', 1)");
      expect(await repository.count()).toBe(0);
      await runner.release();
    });

    it('rolls nested transactions back by themselves', async () => {
      const { dataSource } = await databases.safe();
      await dataSource.transaction(async (manager) => {
        await manager.insert(PaymentEntity, { id: 'outer', amount: 1 });
        await manager
          .transaction(async (nested) => {
            await nested.insert(PaymentEntity, { id: 'nested', amount: 1 });
            throw new Error('declined');
          })
          .catch(() => undefined);
        await manager.transaction((nested) => nested.insert(PaymentEntity, { id: 'nested too', amount: 1 }));
      });
      expect(await paymentIds(dataSource)).toEqual(['nested too', 'outer']);
    });

    it('runs the statements of one runner in their order, even where the first waits for the lock', async () => {
      const { dataSource } = await databases.safe();
      const holder = dataSource.createQueryRunner();
      await holder.startTransaction();
      const runner = dataSource.createQueryRunner();
      const began = runner.query('BEGIN');
      const inserted = runner.query("INSERT INTO payment VALUES ('a', 1)");
      await holder.commitTransaction();
      await Promise.all([began, inserted]);
      await runner.query('ROLLBACK');
      expect(await paymentIds(dataSource)).toEqual([]);
      await Promise.all([holder.release(), runner.release()]);
    });

    it('keeps the parameters of queries of one runner apart that run at once', async () => {
      const { dataSource } = await databases.safe();
      const runner = dataSource.createQueryRunner();
      const numbers = Array.from({ length: 200 }, (_, i) => i);
      const answers: { n: number }[][] = await Promise.all(
        numbers.map((n) => runner.query('SELECT ? AS n', [n])),
      );
      expect(answers.map(([row]) => row?.n)).toEqual(numbers);
      await runner.release();
    });
  });

  describe('readers', () => {
    it('read beside an open write transaction, and see what was there before it', async () => {
      const { dataSource } = await databases.safe();
      await dataSource.transaction(async (manager) => {
        await manager.insert(PaymentEntity, { id: 'uncommitted', amount: 1 });
        expect(await paymentIds(dataSource)).toEqual([]);
        expect(await dataSource.getRepository(PaymentEntity).find()).toEqual([]);
        expect(await paymentIds(manager.dataSource)).toEqual([]);
      });
      expect(await paymentIds(dataSource)).toEqual(['uncommitted']);
    });

    it('have one view of the data in a deferred transaction, without the write lock', async () => {
      const { dataSource } = await databases.safe();
      const reader = dataSource.createQueryRunner();
      await reader.query('BEGIN DEFERRED');
      const count = async () => (await reader.query('SELECT count(*) AS n FROM payment'))[0].n;
      expect(await count()).toBe(0);
      await dataSource.query("INSERT INTO payment VALUES ('a', 1)");
      expect(await count()).toBe(0);
      await expect(reader.query("INSERT INTO payment VALUES ('b', 1)")).rejects.toMatchObject({
        code: 'SQLITE_BUSY_SNAPSHOT',
      });
      await dataSource.query("INSERT INTO payment VALUES ('c', 1)"); // the failed write kept no turn
      await reader.query('COMMIT');
      expect(await count()).toBe(2);
      await reader.release();
    });

    it('share few handles, however many come at once', async () => {
      const { dataSource } = await databases.safe();
      let opened = 0;
      const { driver } = dataSource as unknown as { driver: { sqlite: new (...args: unknown[]) => object } };
      const Database = driver.sqlite;
      driver.sqlite = class extends Database {
        constructor(...args: unknown[]) {
          super(...args);
          opened++;
        }
      };
      await Promise.all(Array.from({ length: 1000 }, () => dataSource.query('SELECT 1')));
      for (let turn = 0; turn < 1000; turn++) await new Promise(setImmediate); // what is on its way arrives
      expect(opened).toBeGreaterThan(0);
      expect(opened).toBeLessThan(20);
    });
  });

  describe('the queue of the writers', () => {
    it('lets them in as they came, those of priority control first', async () => {
      const { dataSource, connections } = await databases.safe();
      const holder = connections.createQueryRunner({ name: 'holder' });
      await holder.startTransaction();
      const order: string[] = [];
      const write = async (name: string, priority: 'control' | 'normal') => {
        const runner = connections.createQueryRunner({ name, priority });
        await runner.startTransaction();
        order.push(name);
        await runner.commitTransaction();
        await runner.release();
      };
      const statement = async () => {
        await dataSource.query("INSERT INTO payment VALUES ('plain statement', 1)");
        order.push('statement');
      };
      const writers: Promise<void>[] = [];
      for (const come of [
        () => write('handler 1', 'normal'),
        statement,
        () => write('handler 2', 'normal'),
        () => write('claim', 'control'),
        () => write('ack', 'control'),
      ]) {
        writers.push(come());
        await new Promise(setImmediate);
      }
      await holder.commitTransaction();
      await Promise.all(writers);
      expect(order).toEqual(['claim', 'ack', 'handler 1', 'statement', 'handler 2']);
      await holder.release();
    });

    it('names the holder to a writer that has waited too long, and forgets the writer', async () => {
      const { dataSource, connections } = await databases.safe({}, { writeWaitMs: 20 });
      const holder = connections.createQueryRunner({ name: 'handler card-issuing' });
      const late = connections.createQueryRunner({ name: 'relay' });
      await holder.startTransaction();
      const error: SqliteWriteTimeoutError = await late.startTransaction().catch((e) => e);
      expect(error).toBeInstanceOf(SqliteWriteTimeoutError);
      expect(error).toMatchObject({
        code: 'SQLITE_WRITE_TIMEOUT',
        writer: 'relay',
        database: databases.file(),
      });
      expect(error.holder?.name).toBe('handler card-issuing');
      expect(error.holder?.heldForMs).toBeGreaterThan(10);
      expect(error.message).toContain('handler card-issuing had the write lock');
      await expect(dataSource.query("INSERT INTO payment VALUES ('a', 1)")).rejects.toThrow(
        SqliteWriteTimeoutError,
      );
      await expect(dataSource.getRepository(PaymentEntity).save({ id: 'b', amount: 1 })).rejects.toThrow(
        SqliteWriteTimeoutError,
      );
      expect(late.isTransactionActive).toBe(false);
      await holder.rollbackTransaction();
      await late.startTransaction();
      await late.commitTransaction();
      await Promise.all([holder.release(), late.release()]);
    });

    it('is shared by all DataSources on one file, whatever they call it', async () => {
      const { connections } = await databases.safe();
      const { symlinkSync } = await import('node:fs');
      symlinkSync(databases.file(), databases.file('alias.db'));
      const second = await databases.safe(
        { database: databases.file('alias.db'), synchronize: false },
        { writeWaitMs: 20 },
      );
      const holder = connections.createQueryRunner({ name: 'the first instance' });
      await holder.startTransaction();
      const error: SqliteWriteTimeoutError = await second.dataSource
        .query("INSERT INTO payment VALUES ('a', 1)")
        .catch((e) => e);
      expect(error.holder?.name).toBe('the first instance');
      await holder.release();
      await second.dataSource.query("INSERT INTO payment VALUES ('a', 1)");
    });

    it('takes raw BEGIN and COMMIT, too', async () => {
      const { dataSource, connections } = await databases.safe({}, { writeWaitMs: 20 });
      for (const begin of ['BEGIN', 'BEGIN TRANSACTION;', 'begin immediate', '/* mine */ BEGIN EXCLUSIVE']) {
        for (const end of ['COMMIT', 'END', 'ROLLBACK']) {
          const runner = connections.createQueryRunner({ name: begin });
          await runner.query(begin);
          expect(connections.inTransaction(runner)).toBe(true);
          await expect(dataSource.query('DELETE FROM payment')).rejects.toMatchObject({
            holder: { name: begin },
          });
          await runner.query(end);
          expect(connections.inTransaction(runner)).toBe(false);
          await dataSource.query('DELETE FROM payment');
          await runner.release();
        }
      }
    });

    it('is left by a transaction that INSERT OR ROLLBACK has ended', async () => {
      const { dataSource, connections } = await databases.safe();
      await dataSource.query("INSERT INTO payment VALUES ('taken', 1)");
      const runner = dataSource.createQueryRunner();
      await runner.query('BEGIN IMMEDIATE');
      await expect(runner.query("INSERT OR ROLLBACK INTO payment VALUES ('taken', 2)")).rejects.toThrow(
        'UNIQUE',
      );
      expect(connections.inTransaction(runner)).toBe(false);
      await dataSource.query("INSERT INTO payment VALUES ('other', 1)");
      await runner.release();
    });

    it('is left when COMMIT fails, and nothing of that transaction stays', async () => {
      const { dataSource, connections } = await databases.safe();
      await dataSource.query(
        'CREATE TABLE refund (payment TEXT REFERENCES payment(id) DEFERRABLE INITIALLY DEFERRED)',
      );
      await expect(
        dataSource.transaction((manager) => manager.query("INSERT INTO refund VALUES ('missing')")),
      ).rejects.toMatchObject({ code: 'SQLITE_CONSTRAINT_FOREIGNKEY' });

      const runner = dataSource.createQueryRunner();
      await runner.startTransaction();
      await runner.query("INSERT INTO refund VALUES ('missing')");
      await expect(runner.commitTransaction()).rejects.toThrow('FOREIGN KEY');
      expect(connections.inTransaction(runner)).toBe(false);
      await dataSource.query("INSERT INTO payment VALUES ('other', 1)");
      await expect(runner.query("INSERT INTO payment VALUES ('stray', 1)")).rejects.toThrow(
        SqliteTransactionLostError,
      );
      await runner.rollbackTransaction(); // as everybody does in a catch block: it has nothing to do, and says nothing
      expect(runner.isTransactionActive).toBe(false);
      await runner.startTransaction();
      await runner.commitTransaction();
      await runner.release();
      expect(await dataSource.query('SELECT * FROM refund')).toEqual([]);
    });

    it('is left by releasing a runner with its transaction open, which is rolled back', async () => {
      const { dataSource, connections } = await databases.safe();
      const runner = dataSource.createQueryRunner();
      await runner.startTransaction();
      await runner.query("INSERT INTO payment VALUES ('a', 1)");
      await runner.release();
      await runner.release();
      expect(runner.isReleased).toBe(true);
      expect(runner.isTransactionActive).toBe(false);
      expect(connections.inTransaction(runner)).toBe(false);
      await expect(runner.query('SELECT 1')).rejects.toMatchObject({
        name: 'QueryRunnerAlreadyReleasedError',
      });
      await dataSource.query("INSERT INTO payment VALUES ('b', 1)");
      expect(await paymentIds(dataSource)).toEqual(['b']);
    });

    it('is left at once by a runner that is released while it waits', async () => {
      const { dataSource } = await databases.safe();
      const holder = dataSource.createQueryRunner();
      await holder.startTransaction();
      const waiting = dataSource.createQueryRunner();
      const refused = expect(waiting.query("INSERT INTO payment VALUES ('a', 1)")).rejects.toMatchObject({
        name: 'QueryRunnerAlreadyReleasedError',
      });
      await new Promise(setImmediate);
      await waiting.release();
      await refused;
      await holder.release();
      expect(await paymentIds(dataSource)).toEqual([]);
    });

    it.each([
      ['BEGIN', false],
      ["INSERT INTO payment VALUES ('a', 1)", true],
      ["WITH one AS (SELECT 1 AS n) INSERT INTO payment SELECT 'a', n FROM one", true],
    ])('is left by a runner that is released in the moment when its turn comes: %s', async (sql, inserts) => {
      const { dataSource } = await databases.safe();
      for (let microtasks = 0; microtasks < 30; microtasks++) {
        const holder = dataSource.createQueryRunner();
        await holder.startTransaction();
        const waiting = dataSource.createQueryRunner();
        const outcome = waiting.query(sql).then(
          () => 'done',
          (error: Error) => error.name,
        );
        await new Promise(setImmediate);
        const committed = holder.commitTransaction();
        for (let i = 0; i < microtasks; i++) await Promise.resolve();
        await waiting.release();
        await committed;
        await holder.release();
        expect(['done', 'QueryRunnerAlreadyReleasedError']).toContain(await outcome);
        expect(await paymentIds(dataSource)).toEqual(inserts && (await outcome) === 'done' ? ['a'] : []);
        await dataSource.query('DELETE FROM payment');
      }
    });

    it('takes writes that do not look like one', async () => {
      const { dataSource, connections } = await databases.safe({}, { writeWaitMs: 20 });
      const holder = connections.createQueryRunner({ name: 'handler' });
      await holder.startTransaction();
      for (const write of [
        "WITH one AS (SELECT 1 AS n) INSERT INTO payment SELECT 'a', n FROM one",
        "-- a comment\nINSERT INTO payment VALUES ('b', 1)",
        'PRAGMA user_version = 1',
      ]) {
        await expect(dataSource.query(write)).rejects.toMatchObject({ holder: { name: 'handler' } });
      }
      await holder.release();
    });

    it('is held by a COMMIT that waits for a reader of another file, which is not in WAL mode', async () => {
      const { dataSource, connections } = await databases.safe({}, { writeWaitMs: 50 });
      const reader = new Database(databases.file('archive.db'));
      reader.exec('CREATE TABLE archived (id)');
      const runner = dataSource.createQueryRunner();
      await runner.query(`ATTACH '${databases.file('archive.db')}' AS archive`);
      const archive = async (id: string) => {
        await runner.startTransaction();
        await runner.query('INSERT INTO archived VALUES (?)', [id]);
        await runner.commitTransaction();
      };
      reader.exec('BEGIN; SELECT * FROM archived');
      await expect(archive('refused')).rejects.toMatchObject({
        code: 'SQLITE_WRITE_TIMEOUT',
        holder: undefined,
      });
      expect(connections.inTransaction(runner)).toBe(false);
      await runner.rollbackTransaction();
      const patient = archive('patient');
      for (let turn = 0; turn < 100; turn++) await new Promise(setImmediate);
      reader.close();
      await patient;
      expect(await runner.query('SELECT * FROM archived')).toEqual([{ id: 'patient' }]);
      await runner.release();
    });
  });

  describe('a transaction that the database has ended', () => {
    it('refuses to write on, rather than to make it durable statement by statement', async () => {
      const { dataSource } = await databases.safe();
      await dataSource.query("INSERT INTO payment VALUES ('taken', 1)");
      const transaction = dataSource.transaction(async (manager) => {
        await manager.query("INSERT OR ROLLBACK INTO payment VALUES ('taken', 2)").catch(() => undefined);
        await manager.save(PaymentEntity, { id: 'stray', amount: 1 });
      });
      await expect(transaction).rejects.toMatchObject({ code: 'SQLITE_TRANSACTION_LOST' });
      await expect(
        dataSource.transaction(async (manager) => {
          await manager.query('COMMIT');
          await manager.transaction((nested) => nested.insert(PaymentEntity, { id: 'stray', amount: 1 }));
        }),
      ).rejects.toMatchObject({ code: 'SQLITE_TRANSACTION_LOST' });
      expect(await paymentIds(dataSource)).toEqual(['taken']);
    });

    it('refuses a statement that nobody awaited, and that comes after COMMIT', async () => {
      const { dataSource } = await databases.safe();
      const runner = dataSource.createQueryRunner();
      await runner.startTransaction();
      const commit = runner.commitTransaction();
      const stray = runner.query("INSERT INTO payment VALUES ('stray', 1)");
      const outcomes = await Promise.allSettled([commit, stray]);
      const committed = outcomes[1].status === 'fulfilled';
      expect(await paymentIds(dataSource)).toEqual(committed ? ['stray'] : []);
      await runner.release();
    });
  });

  it('syncs each commit to the disk, enforces foreign keys and never waits within SQLite', async () => {
    const { dataSource } = await databases.safe({
      timeout: 4000,
      prepareDatabase: (db) => db.pragma('busy_timeout = 9'),
    });
    const pragma = async (name: string): Promise<unknown> =>
      Object.values((await dataSource.query(`PRAGMA ${name}`))[0] as object)[0];
    expect(await pragma('journal_mode')).toBe('wal');
    expect(await pragma('synchronous')).toBe(2);
    expect(await pragma('foreign_keys')).toBe(1);
    expect(await pragma('busy_timeout')).toBe(0);
    const { driver } = dataSource as unknown as {
      driver: { databaseConnection: { pragma(s: string): object[] } };
    };
    expect(driver.databaseConnection.pragma('busy_timeout')).toEqual([{ timeout: 0 }]);
  });

  it('does not hand the settings of one runner to the next', async () => {
    const { dataSource } = await databases.safe();
    const runner = dataSource.createQueryRunner();
    await runner.query('PRAGMA foreign_keys = OFF');
    await runner.query('CREATE TEMP TABLE scratch (n)');
    expect(await runner.query('PRAGMA foreign_keys')).toEqual([{ foreign_keys: 0 }]);
    await runner.release();
    expect(await dataSource.query('PRAGMA foreign_keys')).toEqual([{ foreign_keys: 1 }]);
    await expect(dataSource.query('SELECT * FROM scratch')).rejects.toThrow('no such table');
  });
});
