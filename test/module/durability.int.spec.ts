import { Logger } from '@nestjs/common';
import { createConnection } from 'mysql2/promise';
import { startApp } from '../support/app.js';
import { OwnServer } from '../support/own-server.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

// Property: a database that may lose what it acknowledged is noticed when the app starts.

describe.each(engines)('the durability of the database, on %s', (engine) => {
  let server: OwnServer | undefined;
  let database: TestDatabase;

  // Its settings are everybody's.
  beforeAll(async () => {
    if (engine !== 'sqlite') server = await OwnServer.start(engine);
  }, 120_000);

  afterAll(() => server?.close());

  beforeEach(async () => {
    database = await createDatabase(engine, 'utf8mb4', server?.url);
  });

  afterEach(() => database.drop());

  it('is given by the servers of these tests, and by SQLite as the library sets it', async () => {
    const app = await startApp(database, { options: { durability: 'require' } });
    await app.close();
  });

  if (engine === 'sqlite') return;

  const setting = async (name: string, value: number) => {
    const connection = await createConnection(server!.url);
    await connection.query(`SET GLOBAL ${name} = ${value}`);
    await connection.end();
  };

  it.each(['innodb_flush_log_at_trx_commit', ...(engine === 'mysql' ? ['sync_binlog'] : [])])(
    'is refused, or warned of, where %s gives it away',
    async (name) => {
      const warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
      await setting(name, 0);
      try {
        await expect(startApp(database)).rejects.toMatchObject({
          code: 'NOT_DURABLE',
          message: expect.stringMatching(
            new RegExp(`${name} must be 1.*\\(it is 0\\).*durability: 'warn'.*docs/guarantees`),
          ),
        });
        const app = await startApp(database, { options: { durability: 'warn' } });
        await app.close();
        expect(warned.mock.calls.flat().join()).toContain(`${name} must be 1`);
        // It is set already.
        expect(warned.mock.calls.flat().join()).not.toContain("durability: 'warn'");
      } finally {
        await setting(name, 1);
        warned.mockRestore();
      }
    },
  );

  it('must be one of the two that there are', async () => {
    const options = { durability: 'maybe' as never };
    await expect(startApp(database, { options })).rejects.toThrow("durability must be 'require' or 'warn'");
  });
});
