import { connect, count, tableNamesOf, tablesWith } from '../schema/support/tables-of.js';
import { type TestDatabase, emptyDatabase, engines } from '../support/engines.js';
import { connectingTo, runCli, urlOf } from './support/run-cli.js';

describe.each(engines)('nestjs-idempotent-mq migrate on %s', (engine) => {
  let database: TestDatabase;

  const tables = async () => {
    const dataSource = await connect(database);
    const names = await tableNamesOf(dataSource);
    await dataSource.destroy();
    return names;
  };

  beforeEach(async () => {
    database = await emptyDatabase(engine);
  });

  afterEach(() => database.drop());

  it('creates the tables where a URL says, and says which; again it changes nothing', async () => {
    for (let time = 1; time <= 2; time++) {
      const { code, stdout, stderr } = await runCli(['migrate', '--database', urlOf(database)]);
      expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
      for (const table of tablesWith('mq_')) expect(stdout).toContain(table);
      expect(await tables()).toEqual(tablesWith('mq_'));
    }
  });

  // How a file exports its DataSource has nothing to do with the engine.
  const files =
    engine === 'sqlite'
      ? ['default.mjs', 'named.mjs', 'default.cjs', 'named.cjs', 'whole-module.cjs', 'connected.mjs']
      : ['default.mjs'];

  it.each(files)('takes the DataSource of %s', async (file) => {
    const ran = await runCli(['migrate', '--data-source', file], connectingTo(database));
    expect(ran).toMatchObject({ code: 0, stderr: '' });
    expect(await tables()).toEqual(tablesWith('mq_'));
  });

  it("honours --table-prefix and the DataSource's own entityPrefix", async () => {
    const env = connectingTo(database, { entityPrefix: 'shop_' });
    const args = ['migrate', '--data-source', 'default.mjs', '--table-prefix', 'queue_'];
    const { code, stdout } = await runCli(args, env);
    expect(code).toBe(0);
    expect(stdout).toContain('shop_queue_message');
    expect(await tables()).toEqual(tablesWith('shop_queue_'));
  });

  it('drops, synchronizes and migrates nothing of the app, whatever its DataSource says', async () => {
    const dataSource = await connect(database);
    await dataSource.query('CREATE TABLE payment (id INT NOT NULL, PRIMARY KEY (id))');
    await dataSource.query('INSERT INTO payment (id) VALUES (1)');
    const env = connectingTo(database, { dropSchema: true, synchronize: true, migrationsRun: true });
    expect(await runCli(['migrate', '--data-source', 'default.mjs'], env)).toMatchObject({ code: 0 });
    expect(await tableNamesOf(dataSource)).toEqual([...tablesWith('mq_'), 'payment'].sort());
    expect(await count(dataSource, 'payment')).toBe(1);
    await dataSource.destroy();
  });

  it('may be run by three processes at once', async () => {
    const url = urlOf(database);
    const runs = await Promise.all([1, 2, 3].map(() => runCli(['migrate', '--database', url])));
    expect(runs.map(({ code, stderr }) => ({ code, stderr }))).toEqual(
      [1, 2, 3].map(() => ({ code: 0, stderr: '' })),
    );
    const dataSource = await connect(database);
    expect(await count(dataSource, 'mq_schema_version')).toBe(1);
    await dataSource.destroy();
  });
});
