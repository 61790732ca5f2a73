import { DataSource } from 'typeorm';
import { migrate } from '../../src/index.js';
import { nameOfDatabase } from '../../src/storage/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { createDatabase, emptyDatabase, engines } from '../support/engines.js';
import { OwnServer } from '../support/own-server.js';
import { logLines } from '../support/log-lines.js';
import { connect } from './support-connect.js';
import { type TwoDatabases, startApart, twoDatabases } from './support.js';
import { setOnServer } from '../support/server-setting.js';

// Property: an app whose broker is set up wrongly, has no tables or may lose what it acknowledged doesn't start, and says why.

describe.each(engines)('the start of an app with its broker in another database, on %s,', (engine) => {
  let databases: TwoDatabases;
  let app: TestApp | undefined;

  beforeEach(async () => {
    databases = await twoDatabases(engine, emptyDatabase);
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

  it.each([
    ['nothing', undefined],
    ['a string', 'mysql://localhost/'],
    ['an empty object', {}],
    [
      'a DataSource that nobody has initialized',
      new DataSource({ type: 'better-sqlite3', database: ':memory:' }),
    ],
  ])('is refused where the broker is said to be at %s', async (_where, dataSource) => {
    const options = { broker: { dataSource: dataSource as never } };
    await expect(startApp(databases.business, { options })).rejects.toThrow(
      "broker.dataSource must be TypeORM's options",
    );
  });

  it('is refused where the URL of the broker is that of an environment variable which is not set', async () => {
    const options = { broker: { dataSource: { type: 'mysql' as const, url: process.env.NO_SUCH_VARIABLE } } };
    await expect(startApp(databases.business, { options: options })).rejects.toThrow(
      "broker.dataSource.url must be the broker's database",
    );
  });

  it('is refused where the broker is in a database of another make', async () => {
    const options = { broker: { dataSource: { type: 'mssql' as const } } };
    await expect(startApp(databases.business, { options })).rejects.toMatchObject({
      code: 'UNSUPPORTED_DATABASE',
    });
  });

  it('says where everything is, and what this process does', async () => {
    const lines = logLines();
    app = await startApart(databases, { options: { roles: { sweep: false } } });
    const [business, broker] = [databases.business, databases.broker].map(({ options }) =>
      nameOfDatabase({ options }),
    );
    expect(lines).toContain(
      `log: The broker has a database of its own: ${broker}. Outbox and dedup log: ${business}, tables mq_*. Roles: consume, relay.`,
    );
    expect(lines.join()).not.toContain('secret');
  });

  it('says so where both databases are one', async () => {
    const lines = logLines();
    app = await startApart({ business: databases.business, broker: databases.business });
    expect(lines.join('\n')).toContain("The option broker names this app's own database");
  });

  it('says so where messages were left behind when the option came, and when it went', async () => {
    const withoutBroker = await startApp(databases.business, { options: { roles: { consume: false } } });
    await withoutBroker.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await withoutBroker.close();
    const lines = logLines();
    const withBroker = await startApart(databases, { options: { roles: { relay: false } } });
    expect(lines.join('\n')).toContain("There are messages in the broker's tables of");
    await withBroker.outbox.publish(PaymentSucceeded, payment('P-2'), { standalone: true });
    await withBroker.close();
    lines.length = 0;
    app = await startApp(databases.business);
    expect(lines.join('\n')).toContain('There are messages in the outbox of');
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
      const onPostgres = engine === 'postgres';
      const server = await OwnServer.start(engine);
      const business = await createDatabase(engine);
      const broker = await emptyDatabase(engine, 'utf8mb4', server.url);
      try {
        const [name, value] = onPostgres
          ? ['synchronous_commit', 'off']
          : ['innodb_flush_log_at_trx_commit', 2];
        await setOnServer(server.url, name, value);
        await expect(startApart({ business, broker })).rejects.toMatchObject({ code: 'NOT_DURABLE' });
        const lines = logLines();
        const app = await startApart({ business, broker }, { options: { durability: 'warn' } });
        expect(lines.join('\n')).toContain(`${name} must be ${onPostgres ? 'on' : 1}`);
        await app.close();
      } finally {
        jest.restoreAllMocks();
        await broker.drop();
        await business.drop();
        await server.close();
      }
    }, 120_000);
  });
}
