import { DataSource } from 'typeorm';
import { Opened } from '../../src/cli/opened.js';
import { makeSqliteSafe, migrate, read } from '../../src/storage/index.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { faultProxy } from '../support/fault-proxy.js';

// Property: a command that looks into two databases says which of them it has lost.

describe.each(engines)('on %s', (engine) => {
  let database: TestDatabase;
  let opened: Opened;

  beforeEach(async () => {
    database = await createDatabase(engine);
    opened = new Opened({ tablePrefix: undefined, statementTimeoutMs: 5_000, writeWaitMs: 1_000 });
    const dataSource = new DataSource({ ...database.options, entities: [] });
    if (engine === 'sqlite') makeSqliteSafe(dataSource);
    await dataSource.initialize();
    await migrate(dataSource);
    await dataSource.destroy();
  });

  afterEach(async () => {
    await opened.close();
    await database.drop();
  });

  // SQLite has none to lose.
  if (engine !== 'sqlite') {
    it('a connection that is lost half-way is told of by the name of its database', async () => {
      const proxy = await faultProxy(database);
      const connections = await opened.open(new DataSource(proxy.database.options));
      const look = () => connections.control((on) => read(on, 'SELECT 1 AS one', []));
      await expect(look()).resolves.toHaveLength(1);
      await proxy.close();
      const { database: name, port } = proxy.database.options as { database: string; port: number };
      const told = new RegExp(
        `^${name} on 127\\.0\\.0\\.1:${port} did not answer: .*(lost|ECONN|terminated)`,
      );
      await expect(look()).rejects.toThrow(told);
      await expect(connections.controlTransaction(async () => undefined)).rejects.toThrow(told);
    });
  }

  it('what a database refuses is told of as it is', async () => {
    const connections = await opened.open(new DataSource(database.options));
    const wrong = connections.control((on) => read(on, 'SELECT one FROM nowhere', []));
    await expect(wrong).rejects.toThrow(/^(?!.*did not answer).*nowhere/);
  });
});
