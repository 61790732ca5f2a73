import { existsSync, readdirSync, readlinkSync } from 'node:fs';
import { Test } from '@nestjs/testing';
import { getDataSourceToken, getRepositoryToken, TypeOrmModule } from '@nestjs/typeorm';
import {
  DataSource,
  EntitySchema,
  TableColumn,
  type DataSourceOptions,
  type MigrationInterface,
  type QueryRunner,
  type Repository,
} from 'typeorm';
import { makeSqliteSafe, sqliteConnectionsOf } from '../../src/storage/sqlite/index.js';
import {
  paymentIds,
  PaymentEntity,
  type Payment,
  signal,
  SqliteDatabases,
} from './fixtures/sqlite-database.js';

// Property: a DataSource that was made safe opens, closes, migrates and is injected as before.

const hasProc = existsSync('/proc/self/fd');
if (!hasProc) console.warn('Skipped: open files are counted in /proc/self/fd, which only Linux has.');
const onLinux = hasProc ? it : it.skip;

describe('a DataSource that was made safe', () => {
  let databases: SqliteDatabases;
  beforeEach(() => (databases = new SqliteDatabases()));
  afterEach(() => databases.remove());

  const openFiles = (): string[] =>
    readdirSync('/proc/self/fd').flatMap((fd) => {
      try {
        const file = readlinkSync(`/proc/self/fd/${fd}`);
        return file.startsWith(databases.directory) ? [file] : [];
      } catch {
        return []; // closed meanwhile
      }
    });

  it('is the same after a second call, and says that it was made safe', async () => {
    const dataSource = await databases.plain();
    expect(sqliteConnectionsOf(dataSource)).toBeUndefined();
    const connections = makeSqliteSafe(dataSource);
    const replaced = Object.entries(dataSource.driver);
    expect(makeSqliteSafe(dataSource, { writeWaitMs: 1 })).toBe(connections);
    expect(sqliteConnectionsOf(dataSource)).toBe(connections);
    expect(Object.entries(dataSource.driver)).toEqual(replaced);
  });

  onLinux('closes all handles when it is destroyed, also those in use', async () => {
    const { dataSource, connections } = await databases.safe();
    const idle = Array.from({ length: 5 }, () => dataSource.createQueryRunner());
    await Promise.all(idle.map((runner) => runner.query('SELECT * FROM payment')));
    const writing = connections.createQueryRunner({ name: 'handler' });
    await writing.startTransaction();
    await writing.query("INSERT INTO payment VALUES ('a', 1)");
    const waiting = dataSource.query("INSERT INTO payment VALUES ('b', 1)");
    const refused = expect(waiting).rejects.toMatchObject({ code: 'SQLITE_CONNECTION_CLOSED' });
    const opening = Array.from({ length: 5 }, () => dataSource.query('SELECT 1').catch(() => undefined));
    expect(openFiles().length).toBeGreaterThan(6);
    await dataSource.destroy();
    await Promise.all([refused, ...opening]);
    expect(openFiles()).toEqual([]);
    await expect(writing.query('SELECT 1')).rejects.toMatchObject({ code: 'SQLITE_CONNECTION_CLOSED' });
    await expect(dataSource.query('SELECT 1')).rejects.toMatchObject({ code: 'SQLITE_CONNECTION_CLOSED' });
    await writing.release();
  });

  onLinux('keeps no handle that somebody no longer waits for when it is open', async () => {
    let opened = 0;
    let ready = Promise.resolve();
    const { dataSource } = await databases.safe({
      prepareDatabase: () => {
        opened++;
        return ready;
      },
    });
    for (const over of ['released', 'destroyed']) {
      opened = 0;
      const { given, give } = signal();
      ready = given;
      const runner = dataSource.createQueryRunner();
      const refused = runner.query('SELECT 1').catch((error: Error) => error.name);
      while (opened === 0) await new Promise(setImmediate);
      if (over === 'released') await runner.release();
      else await dataSource.destroy();
      give();
      expect(await refused).toMatch(/^(QueryRunnerAlreadyReleased|SqliteConnectionClosed)Error$/);
      if (over === 'destroyed') break;
      await dataSource.query('SELECT 1');
      expect(opened).toBe(1); // the next runner got it
      await dataSource.destroy();
      await dataSource.initialize();
    }
    for (let turn = 0; turn < 10; turn++) await new Promise(setImmediate);
    expect(openFiles()).toEqual([]);
  });

  it('works again after destroy() and initialize()', async () => {
    const { dataSource } = await databases.safe();
    await dataSource.query("INSERT INTO payment VALUES ('a', 1)");
    await dataSource.destroy();
    await dataSource.initialize();
    await dataSource.transaction(async (manager) => {
      await manager.insert(PaymentEntity, { id: 'b', amount: 1 });
      expect(await paymentIds(dataSource)).toEqual(['a']);
    });
    expect(await paymentIds(dataSource)).toEqual(['a', 'b']);
  });

  it('may be made safe before it is initialized', async () => {
    const dataSource = new DataSource({
      type: 'better-sqlite3',
      database: databases.file(),
      entities: [PaymentEntity],
      synchronize: true,
    });
    makeSqliteSafe(dataSource);
    await dataSource.initialize();
    await dataSource.transaction((manager) => manager.insert(PaymentEntity, { id: 'a', amount: 1 }));
    expect(await paymentIds(dataSource)).toEqual(['a']);
    await dataSource.destroy();
  });

  it('prepares every handle as the options say, and attaches the same databases', async () => {
    const Archived = new EntitySchema<{ id: string }>({
      name: 'archived',
      database: 'archive.db',
      columns: { id: { type: 'text', primary: true } },
    });
    const busyTimeouts: unknown[] = [];
    const { dataSource } = await databases.safe({
      entities: [PaymentEntity, Archived],
      prepareDatabase: (database) => {
        busyTimeouts.push(database.pragma('busy_timeout', { simple: true }));
        database.function('double', (n: number) => 2 * n);
      },
    });
    const runners = [dataSource.createQueryRunner(), dataSource.createQueryRunner()];
    for (const runner of runners) expect(await runner.query('SELECT double(21) AS n')).toEqual([{ n: 42 }]);
    await dataSource.transaction((manager) => manager.insert(Archived, { id: 'a' }));
    for (const runner of runners) expect(await runner.manager.find(Archived)).toEqual([{ id: 'a' }]);
    await Promise.all(runners.map((runner) => runner.release()));
    await dataSource.destroy();
    await dataSource.initialize();
    expect(await dataSource.manager.find(Archived)).toEqual([{ id: 'a' }]);
    expect(driversOwnHandle(dataSource).pragma('database_list')).toContainEqual(
      expect.objectContaining({ file: databases.file('archive.db') }),
    );
    // The driver's own was open before; none after it may wait within SQLite, not even in its preparation.
    expect(busyTimeouts.shift()).toBe(5000);
    expect(new Set(busyTimeouts)).toEqual(new Set([0]));
  });

  onLinux('closes a handle that could not be prepared', async () => {
    let failing = false;
    const { dataSource } = await databases.safe({
      prepareDatabase: () => {
        if (failing) throw new Error('no such extension');
      },
    });
    const before = openFiles();
    failing = true;
    await expect(dataSource.query('SELECT 1')).rejects.toThrow('no such extension');
    expect(openFiles()).toEqual(before);
    failing = false;
    await dataSource.query('SELECT 1');
  });

  it('reads from a file that is opened read-only', async () => {
    const writable = await databases.plain(); // which leaves it in the old journal mode
    await writable.query("INSERT INTO payment VALUES ('a', 1)");
    const { dataSource } = await databases.safe({ readonly: true, synchronize: false });
    expect(await paymentIds(dataSource)).toEqual(['a']);
    expect(await dataSource.transaction((manager) => manager.find(PaymentEntity))).toHaveLength(1);
    await expect(dataSource.query('DELETE FROM payment')).rejects.toMatchObject({ code: 'SQLITE_READONLY' });
  });

  it('is injected by @nestjs/typeorm with repositories that work on their own', async () => {
    const module = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'better-sqlite3',
          database: databases.file(),
          entities: [PaymentEntity],
          synchronize: true,
        }),
        TypeOrmModule.forFeature([PaymentEntity]),
      ],
      providers: [
        {
          provide: 'safe',
          useFactory: (source: DataSource) => makeSqliteSafe(source),
          inject: [getDataSourceToken()],
        },
      ],
    }).compile();
    const repository = module.get<Repository<Payment>>(getRepositoryToken(PaymentEntity));
    await module.get(DataSource).transaction(async (manager) => {
      await manager.insert(PaymentEntity, { id: 'a', amount: 1 });
      expect(await repository.count()).toBe(0);
    });
    await Promise.all(Array.from({ length: 20 }, (_, i) => repository.save({ id: `b-${i}`, amount: i })));
    expect(await repository.count()).toBe(21);
    await module.close();
  });

  describe.each([
    ['a file', undefined],
    ['memory', ':memory:'],
  ])('in %s', (_, inMemory) => {
    const options = (): Partial<DataSourceOptions> => ({ database: inMemory ?? databases.file() });

    it('synchronizes its schema', async () => {
      const { dataSource } = await databases.safe({ ...options(), synchronize: false } as object);
      await dataSource.synchronize();
      await dataSource.transaction((manager) => manager.insert(PaymentEntity, { id: 'a', amount: 1 }));
      await dataSource.synchronize();
      expect(await paymentIds(dataSource)).toEqual(['a']);
      await dataSource.synchronize(true);
      expect(await paymentIds(dataSource)).toEqual([]);
    });

    it.each(['all', 'each', 'none'] as const)(
      'runs and reverts migrations, transaction mode %s',
      async (mode) => {
        const { dataSource } = await databases.safe({
          ...options(),
          migrations: [AddNote1700000000000],
        } as object);
        await dataSource.query("INSERT INTO payment VALUES ('a', 1)");
        await dataSource.runMigrations({ transaction: mode });
        expect(await dataSource.query('SELECT note FROM payment')).toEqual([{ note: null }]);
        await dataSource.undoLastMigration({ transaction: mode });
        expect(await dataSource.query('SELECT * FROM payment')).toEqual([{ id: 'a', amount: 1 }]);
        expect(await dataSource.query('PRAGMA foreign_keys')).toEqual([{ foreign_keys: 1 }]);
      },
    );

    it('enforces foreign keys again after a migration that failed', async () => {
      const { dataSource } = await databases.safe({
        ...options(),
        logger: 'debug',
        migrations: [Failing1700000000001],
      } as object);
      await expect(dataSource.runMigrations()).rejects.toThrow('on purpose');
      expect(await dataSource.query('PRAGMA foreign_keys')).toEqual([{ foreign_keys: 1 }]);
      await dataSource.query("INSERT INTO payment VALUES ('a', 1)");
    });
  });

  describe('in memory', () => {
    const memory = { database: ':memory:' };

    it('keeps exactly the rows of the transactions that committed', async () => {
      const { dataSource } = await databases.safe(memory);
      await Promise.allSettled(
        Array.from({ length: 50 }, (_, i) =>
          dataSource.transaction(async (manager) => {
            await manager.insert(PaymentEntity, { id: `${i}`, amount: i });
            if (i % 2 === 1) throw new Error('declined');
          }),
        ),
      );
      expect(await paymentIds(dataSource)).toHaveLength(25);
    });

    it('lets the statements of others wait until the transaction is over', async () => {
      const { dataSource, connections } = await databases.safe(memory);
      const runner = connections.createQueryRunner({ name: 'handler' });
      await runner.startTransaction();
      await runner.query("INSERT INTO payment VALUES ('a', 1)");
      const other = dataSource.createQueryRunner();
      const order: string[] = [];
      const read = other
        .query('SELECT * FROM payment')
        .then((rows: unknown[]) => order.push(`read ${rows.length}`));
      const saved = dataSource.manager
        .save(PaymentEntity, { id: 'b', amount: 1 })
        .then(() => order.push('saved'));
      await new Promise(setImmediate);
      expect(connections.inTransaction(runner)).toBe(true);
      expect(connections.inTransaction(other)).toBe(false);
      order.push('rolled back');
      await runner.rollbackTransaction();
      await Promise.all([read, saved]);
      expect(order).toEqual(['rolled back', 'read 0', 'saved']);
      await Promise.all([runner.release(), other.release()]);
    });

    it('names the holder to a statement that has waited too long', async () => {
      const { dataSource, connections } = await databases.safe(memory, { writeWaitMs: 20 });
      const runner = connections.createQueryRunner({ name: 'handler' });
      await runner.startTransaction();
      await expect(dataSource.query('SELECT 1')).rejects.toMatchObject({
        code: 'SQLITE_WRITE_TIMEOUT',
        holder: { name: 'handler' },
      });
      await runner.release();
      await dataSource.query('SELECT 1');
    });

    it('works again, and empty, after destroy() and initialize()', async () => {
      const { dataSource } = await databases.safe(memory);
      await dataSource.query("INSERT INTO payment VALUES ('a', 1)");
      await dataSource.destroy();
      await dataSource.initialize();
      expect(await paymentIds(dataSource)).toEqual([]);
    });

    it('is refused while a transaction is open on its only handle', async () => {
      const dataSource = await databases.plain(memory);
      const runner = dataSource.createQueryRunner();
      await runner.startTransaction();
      expect(() => makeSqliteSafe(dataSource)).toThrow('A transaction is open');
      expect(sqliteConnectionsOf(dataSource)).toBeUndefined();
      await runner.rollbackTransaction();
    });
  });

  describe('a TypeORM that is not what it was', () => {
    it.each(['createDatabaseConnection', 'attachDatabases', 'disconnect'])(
      'is refused: no %s',
      async (method) => {
        const dataSource = await databases.plain();
        Object.assign(dataSource.driver, { [method]: undefined });
        expect(() => makeSqliteSafe(dataSource)).toThrow(method);
        expect(() => makeSqliteSafe(dataSource)).toThrow('Potential solutions');
        Reflect.deleteProperty(dataSource.driver, method);
      },
    );

    it('is refused: no getStmt', async () => {
      const dataSource = await databases.plain();
      const runner = dataSource.createQueryRunner();
      class Changed {
        query(): void {}
      }
      Object.assign(dataSource.driver, { createQueryRunner: () => new Changed() });
      expect(() => makeSqliteSafe(dataSource)).toThrow('getStmt');
      Reflect.deleteProperty(dataSource.driver, 'createQueryRunner');
      await runner.release();
    });

    it('is refused with the first query: getStmt is not called any more', async () => {
      const dataSource = await databases.plain();
      const Base = Object.getPrototypeOf(dataSource.createQueryRunner()).constructor as new (
        driver: unknown,
      ) => object;
      class Changed extends Base {
        async query(): Promise<unknown> {
          return [];
        }
      }
      Object.assign(dataSource.driver, { createQueryRunner: () => new Changed(dataSource.driver) });
      makeSqliteSafe(dataSource);
      await expect(dataSource.query('SELECT 1')).rejects.toMatchObject({ code: 'UNSUPPORTED_DATABASE' });
    });

    it('is refused: another engine', () => {
      const dataSource = new DataSource({ type: 'mysql' });
      expect(() => makeSqliteSafe(dataSource)).toThrow('better-sqlite3 (got mysql)');
    });
  });

  it('refuses a limit that is no number of milliseconds', async () => {
    const dataSource = await databases.plain();
    for (const writeWaitMs of [NaN, -1, Infinity, '5' as unknown as number]) {
      expect(() => makeSqliteSafe(dataSource, { writeWaitMs })).toThrow('writeWaitMs must be a number');
    }
  });

  it('lets a transaction of a runner from before end on the handle where it began', async () => {
    const dataSource = await databases.plain();
    const before = dataSource.createQueryRunner();
    await before.startTransaction();
    await before.query("INSERT INTO payment VALUES ('a', 1)");
    const connections = makeSqliteSafe(dataSource);
    expect(connections.inTransaction(before)).toBe(true);
    const beside = dataSource.query("INSERT INTO payment VALUES ('b', 1)");
    await before.commitTransaction();
    await beside;
    expect(connections.inTransaction(before)).toBe(false);
    expect(await paymentIds(dataSource)).toEqual(['a', 'b']);
  });
});

function driversOwnHandle(dataSource: DataSource): { pragma(source: string): unknown } {
  return (dataSource.driver as unknown as { databaseConnection: { pragma(source: string): unknown } })
    .databaseConnection;
}

class AddNote1700000000000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.addColumn('payment', new TableColumn({ name: 'note', type: 'text', isNullable: true }));
  }

  async down(runner: QueryRunner): Promise<void> {
    await runner.dropColumn('payment', 'note');
  }
}

class Failing1700000000001 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query('DELETE FROM payment');
    throw new Error('on purpose');
  }

  async down(): Promise<void> {}
}
