import { createConnection } from 'mysql2/promise';
import { migrate } from '../../src/index.js';

import { type TestApp, startApp } from '../support/app.js';
import { createDatabase, engines } from '../support/engines.js';
import { OwnServer } from '../support/own-server.js';
import { logLines } from '../support/log-lines.js';
import { connect } from './support-connect.js';
import { type TwoDatabases, startApart, twoDatabases } from './support.js';

// Property: an app whose broker can't be reached, has no tables or may lose what it acknowledged doesn't start, and says why.

describe.each(engines)('the start of an app with its broker in another database, on %s,', (engine) => {
  let databases: TwoDatabases;
  let app: TestApp | undefined;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app?.close();
    app = undefined;
    await databases.drop();
  });

  it('is refused as long as the broker has no tables, and goes well when it has', async () => {
    const options = { schema: 'migrations' as const };
    await connect(databases.business, (dataSource) => migrate(dataSource));
    await expect(startApart(databases, { options })).rejects.toMatchObject({ code: 'SCHEMA_MISSING' });
    await connect(databases.broker, (dataSource) => migrate(dataSource));
    app = await startApart(databases, { options });
  });

  it('is refused as long as the business has no tables, although the broker has', async () => {
    await connect(databases.broker, (dataSource) => migrate(dataSource));
    const starting = startApart(databases, { options: { schema: 'migrations' } });
    await expect(starting).rejects.toMatchObject({ code: 'SCHEMA_MISSING' });
  });

  it('creates the tables in both where it is to ensure them', async () => {
    app = await startApart(databases);
    for (const database of [databases.business, databases.broker]) {
      await connect(database, async (dataSource) => {
        expect(await dataSource.query('SELECT version FROM mq_schema_version')).toEqual([{ version: 1 }]);
      });
    }
  });

  it('is refused where the broker can not be reached', async () => {
    jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    const unreachable = (
      engine === 'sqlite'
        ? { type: 'better-sqlite3', database: `${String(databases.business.options.database)}/broker.sqlite` }
        : { ...databases.broker.options, port: 1 }
    ) as never;
    const starting = startApp(databases.business, { options: { broker: { dataSource: unreachable } } });
    await expect(starting).rejects.toThrow(/ECONNREFUSED|ENOTDIR|EEXIST|directory|unable to open/i);
    // Nothing was left open that would keep the next start from going well.
    app = await startApart(databases);
  });

  it.each([
    ['nothing', undefined],
    ['a string', 'mysql://localhost/'],
    ['an empty object', {}],
  ])('is refused where the broker is said to be at %s', async (_where, dataSource) => {
    const options = { broker: { dataSource: dataSource as never } };
    await expect(startApp(databases.business, { options })).rejects.toThrow(
      "broker.dataSource must be TypeORM's options",
    );
  });

  it('is refused where the broker forgets too soon', async () => {
    const relay = { maxDelayMs: 30_000, ackTimeoutMs: 10_000 };
    const forgets = (innerMsgIdWindowMs: number) =>
      startApart(databases, { options: { relay, retention: { innerMsgIdWindowMs } } });
    await expect(forgets(799_999)).rejects.toThrow(
      'retention.innerMsgIdWindowMs must be at least 20 times relay.maxDelayMs and relay.ackTimeoutMs together (800000)',
    );
    app = await forgets(800_000);
  });

  it('takes a DataSource that is initialized, and leaves it open', async () => {
    await connect(databases.broker, async (dataSource) => {
      const own = await startApp(databases.business, { options: { broker: { dataSource } } });
      await own.close();
      expect(dataSource.isInitialized).toBe(true);
      expect(await dataSource.query('SELECT COUNT(*) AS n FROM mq_message')).toHaveLength(1);
    });
  });
});

const servers = engines.flatMap((engine) => (engine === 'sqlite' ? [] : [engine]));

if (servers.length > 0) {
  describe.each(servers)('a broker on %s that may lose what it acknowledged', (engine) => {
    it('is refused, or warned of', async () => {
      const server = await OwnServer.start(engine);
      const business = await createDatabase(engine);
      const broker = await createDatabase(engine, 'utf8mb4', server.url);
      const connection = await createConnection(server.url);
      try {
        await connection.query('SET GLOBAL innodb_flush_log_at_trx_commit = 2');
        await expect(startApart({ business, broker })).rejects.toMatchObject({ code: 'NOT_DURABLE' });
        const lines = logLines();
        const app = await startApart({ business, broker }, { options: { durability: 'warn' } });
        expect(lines.join('\n')).toContain('innodb_flush_log_at_trx_commit must be 1');
        await app.close();
      } finally {
        jest.restoreAllMocks();
        await connection.end();
        await broker.drop();
        await business.drop();
        await server.close();
      }
    }, 120_000);
  });
}
