import type { DataSource } from 'typeorm';
import { OutboxPublisher, idempotentMqMigrations, migrate } from '../../src/index.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, emptyDatabase, engines } from '../support/engines.js';
import { startOn } from './support/start-on.js';
import { connect, count, tableNamesOf, tablesWith } from './support/tables-of.js';

describe.each(engines)('the library among the migrations of an app on %s', (engine) => {
  let database: TestDatabase;
  let dataSource: DataSource;

  const open = async (migrations = idempotentMqMigrations()) =>
    (dataSource = await connect(database, { migrations }));

  beforeEach(async () => {
    database = await emptyDatabase(engine);
  });

  afterEach(async () => {
    await dataSource.destroy();
    await database.drop();
  });

  it('creates the tables, takes them away when reverted, and creates them again', async () => {
    await open();
    expect(await dataSource.runMigrations()).toHaveLength(1);
    expect(await tableNamesOf(dataSource)).toEqual(['migrations', ...tablesWith('mq_')].sort());
    await dataSource.undoLastMigration();
    expect(await tableNamesOf(dataSource)).toEqual(
      expect.not.arrayContaining([expect.stringMatching(/^mq_/)]),
    );
    expect(await dataSource.runMigrations()).toHaveLength(1);
    expect(await tableNamesOf(dataSource)).toEqual(['migrations', ...tablesWith('mq_')].sort());
    expect(await count(dataSource, 'mq_schema_version')).toBe(1);
  });

  it('has nothing left to do the second time', async () => {
    await open();
    await dataSource.runMigrations();
    expect(await dataSource.runMigrations()).toEqual([]);
  });

  it('accepts tables that the command has created before', async () => {
    await open();
    await migrate(dataSource);
    expect(await dataSource.runMigrations()).toHaveLength(1);
    expect(await count(dataSource, 'mq_schema_version')).toBe(1);
  });

  it.each(['all', 'each', 'none'] as const)('runs with transaction: %s', async (transaction) => {
    await open();
    await dataSource.runMigrations({ transaction });
    expect(await tableNamesOf(dataSource)).toEqual(expect.arrayContaining(tablesWith('mq_')));
    await dataSource.undoLastMigration({ transaction });
    expect(await tableNamesOf(dataSource)).toEqual(['migrations']);
  });

  it('creates the tables of two instances from one list, and reverts one without the other', async () => {
    await open([
      ...idempotentMqMigrations({ tablePrefix: 'shop_' }),
      ...idempotentMqMigrations({ tablePrefix: 'stock_' }),
    ]);
    expect(await dataSource.runMigrations()).toHaveLength(2);
    expect(await tableNamesOf(dataSource)).toEqual(
      ['migrations', ...tablesWith('shop_'), ...tablesWith('stock_')].sort(),
    );
    await dataSource.undoLastMigration();
    expect(await tableNamesOf(dataSource)).toEqual(['migrations', ...tablesWith('shop_')].sort());
  });

  it('lets an app start that only checks for them', async () => {
    await open();
    await dataSource.runMigrations();
    const app = await startOn(dataSource);
    await app.get(OutboxPublisher).publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    expect(await count(dataSource, 'mq_message')).toBe(1);
    await app.close();
  });

  it.each(['migrations', 'ensure'] as const)(
    "names the table to an app that starts when one was dropped, with schema: '%s'",
    async (schema) => {
      await open();
      await dataSource.runMigrations();
      for (const table of ['mq_waiting', 'mq_paused', 'mq_outbox']) {
        const [{ sql }] = await dataSource.query(
          engine === 'sqlite'
            ? `SELECT sql FROM sqlite_master WHERE name = '${table}'`
            : `SELECT 'CREATE TABLE ${table} (subscription_id INT)' AS ${engine === 'postgres' ? '"sql"' : '`sql`'}`,
        );
        await dataSource.query(`DROP TABLE ${table}`);
        await expect(startOn(dataSource, { schema })).rejects.toMatchObject({
          code: 'SCHEMA_MISSING',
          message: expect.stringContaining(table),
        });
        await dataSource.query(sql);
      }
    },
  );

  it('names the remedies to an app that starts without them', async () => {
    await open();
    const start = startOn(dataSource);
    await expect(start).rejects.toMatchObject({ name: 'SchemaMissingError', code: 'SCHEMA_MISSING' });
    await expect(start).rejects.toThrow(/mq_schema_version/);
    await expect(start).rejects.toThrow(/npx nestjs-idempotent-mq migrate/);
    await expect(start).rejects.toThrow(/idempotentMqMigrations\(\)/);
    await expect(start).rejects.toThrow(/schema: "ensure"/);
  });

  it('names the remedies where a migration crashed before it was done', async () => {
    await open();
    await dataSource.runMigrations();
    await dataSource.query('DELETE FROM mq_schema_version');
    const start = startOn(dataSource);
    await expect(start).rejects.toMatchObject({ code: 'SCHEMA_MISSING' });
    await expect(start).rejects.toThrow(/version 0.*version 1.*npx nestjs-idempotent-mq migrate/);
  });

  it.each(['ensure', 'migrations'] as const)(
    'with schema: %s sends an app whose tables are newer than it to an update of the package',
    async (schema) => {
      await open();
      await dataSource.runMigrations();
      await dataSource.query('INSERT INTO mq_schema_version (version) VALUES (99)');
      const start = startOn(dataSource, { schema });
      await expect(start).rejects.toMatchObject({ code: 'SCHEMA_MISSING' });
      await expect(start).rejects.toThrow(
        'The tables are of version 99, and this release works with version 1. Update the package nestjs-idempotent-mq.',
      );
      expect(await count(dataSource, 'mq_schema_version')).toBe(2);
    },
  );
});
