import { Logger } from '@nestjs/common';
import { createConnection } from 'mysql2/promise';
import { startApp } from '../support/app.js';
import { OwnServer } from '../support/own-server.js';
import { setOnServer } from '../support/server-setting.js';
import { type TestDatabase, emptyDatabase, engines } from '../support/engines.js';

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
    database = await emptyDatabase(engine, 'utf8mb4', server?.url);
  });

  afterEach(() => database.drop());

  it('is given by the servers of these tests, and by SQLite as the library sets it', async () => {
    const app = await startApp(database, { options: { durability: 'require' } });
    await app.close();
  });

  if (engine === 'sqlite') return;

  const onServer = async (statement: string) => {
    const connection = await createConnection(server!.url);
    await connection.query(statement);
    await connection.end();
  };

  const setting = (name: string, value: number | string) => setOnServer(server!.url, name, value);

  const refused = (problem: RegExp) =>
    expect(startApp(database)).rejects.toMatchObject({
      code: 'NOT_DURABLE',
      message: expect.stringMatching(
        new RegExp(`${problem.source}.*durability: 'warn'.*docs/guarantees\\.md`),
      ),
    });

  const restarted = async (...options: string[]) => {
    await server!.shutDown();
    await server!.startAgain(options);
  };

  const [on, off] = engine === 'postgres' ? ['on', 'off'] : [1, 0];
  const innodb = ['innodb_flush_log_at_trx_commit', ...(engine === 'mysql' ? ['sync_binlog'] : [])];

  it.each(engine === 'postgres' ? ['synchronous_commit'] : innodb)(
    'is refused, or warned of, where %s gives it away',
    async (name) => {
      const warned = jest.spyOn(Logger.prototype, 'warn').mockImplementation(() => undefined);
      await setting(name, off);
      try {
        await expect(startApp(database)).rejects.toMatchObject({
          code: 'NOT_DURABLE',
          message: expect.stringMatching(
            new RegExp(`${name} must be ${on}.*\\(it is ${off}\\).*durability: 'warn'.*docs/guarantees`),
          ),
        });
        const app = await startApp(database, { options: { durability: 'warn' } });
        await app.close();
        expect(warned.mock.calls.flat().join()).toContain(`${name} must be ${on}`);
        // It is set already.
        expect(warned.mock.calls.flat().join()).not.toContain("durability: 'warn'");
      } finally {
        await setting(name, on);
        warned.mockRestore();
      }
    },
  );

  if (engine === 'postgres') {
    it.each(['fsync', 'full_page_writes'])(
      'is refused where %s is off',
      async (name) => {
        await restarted('-c', `${name}=off`);
        await refused(new RegExp(`${name} must be on \\(it is off\\)`));
        await restarted();
      },
      120_000,
    );
    return;
  }

  it('is refused where data files are not synced', async () => {
    await restarted('--innodb-flush-method=nosync');
    await refused(/innodb_flush_method must be one that syncs, .* \(it is nosync\)/);
    await restarted();
  }, 120_000);

  if (engine === 'mariadb') {
    it('is refused where the binary log is on, and synced when it suits the system, as is the default', async () => {
      await restarted('--log-bin=binlog', '--server-id=1');
      await refused(/sync_binlog must be 1, as the binary log is on \(it is 0\)/);
      await setting('sync_binlog', 1);
      const app = await startApp(database);
      await app.close();
      await restarted();
    }, 120_000);

    it('is given where a commit is synced in the way of MariaDB 5.5', async () => {
      await setting('innodb_flush_log_at_trx_commit', 3);
      const app = await startApp(database);
      await app.close();
      await setting('innodb_flush_log_at_trx_commit', 1);
    });
  } else {
    it('is refused where the redo log is off, for a bulk load', async () => {
      await onServer('ALTER INSTANCE DISABLE INNODB REDO_LOG');
      await refused(
        /innodb_redo_log_enabled must be ON: ALTER INSTANCE ENABLE INNODB REDO_LOG \(it is OFF\)/,
      );
      await onServer('ALTER INSTANCE ENABLE INNODB REDO_LOG');
      const app = await startApp(database);
      await app.close();
    });
  }

  it('must be one of the two that there are', async () => {
    const options = { durability: 'maybe' as never };
    await expect(startApp(database, { options })).rejects.toThrow("durability must be 'require' or 'warn'");
  });
});
