import { type Connection, createConnection } from 'mysql2/promise';
import { Injectable } from '@nestjs/common';
import { DataSource, type DataSourceOptions } from 'typeorm';
import { type DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import { type IdempotentMqEvent, IdempotentMqEvents } from '../../src/events/index.js';
import { logWatchingEvents } from '../../src/log-watching-events.js';
import { type LibraryConnections, databaseOf, openConnections } from '../../src/storage/index.js';
import { WatchingTransactions } from '../../src/watching-transactions.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, emptyDatabase } from '../support/engines.js';
import { describeOnServers } from '../support/hostile.js';
import { OwnServer } from '../support/own-server.js';
import { until } from '../support/until.js';

// Property: whoever has a transaction open for too long that keeps a server from purging is named, by what an operator needs to
// find and to end it; and nobody else is. Where the library may not look, it says so once and goes on.

type Told = Extract<IdempotentMqEvent, { type: 'old-transaction' }>;

/** A server answers what transactions there are from a cache, if somebody has asked within the last 100 ms. */
const EVERY_MS = 150;
/** Servers count seconds begun: with less, a statement of the app itself is old that runs at the moment of a look. */
const OLD_MS = 2000;
const MINUTE_MS = 60_000;

@Injectable()
class Cards {
  static held: Promise<void>;

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Payment, { manager, group }: DeliveryContext): Promise<void> {
    await manager.insert(CardRow, { paymentId, issuedBy: group });
    await Cards.held;
  }
}

describeOnServers('an old transaction on %s', (engine) => {
  let server: OwnServer;
  let database: TestDatabase;
  let app: TestApp;
  let other: Connection;
  let events: IdempotentMqEvents;
  let told: Told[];
  let lines: string[];
  let log: string[];
  let now: number;
  let letGo: () => void;
  const opened: { close(): Promise<unknown> }[] = [];

  // One that nobody else uses: everybody's transactions are looked at.
  beforeAll(async () => {
    server = await OwnServer.start(engine as 'mariadb' | 'mysql');
  }, 120_000);

  afterAll(() => server?.close());

  beforeEach(async () => {
    Cards.held = new Promise((resolve) => (letGo = resolve));
    database = await emptyDatabase(engine, 'utf8mb4', server.url);
    app = await startApp(database, {
      entities: [CardTable],
      providers: [Cards],
      options: { roles: { sweep: false } },
    });
    other = await connect('root');
    await other.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    [events, told, lines, log, now] = [new IdempotentMqEvents(), [], [], [], 0];
    logWatchingEvents(events, { warn: (line: string) => lines.push(line) });
    events.events$.subscribe((event) => event.type === 'old-transaction' && told.push(event));
  });

  afterEach(async () => {
    letGo();
    jest.restoreAllMocks();
    other.destroy();
    await app.close();
    for (const each of opened.splice(0)) await each.close();
    await database.drop();
  });

  async function connect(user: string): Promise<Connection> {
    const { host, port, database: name } = database.options as never;
    return createConnection({ host, port, user, password: passwordOf(user), database: name });
  }

  const passwordOf = (user: string) => (user === 'root' ? (database.options as never)['password'] : 'card');

  const optionsOf = (user: string): DataSourceOptions =>
    ({ ...database.options, username: user, password: passwordOf(user) }) as DataSourceOptions;

  async function watching(
    user = 'root',
    oldMs = OLD_MS,
  ): Promise<[WatchingTransactions, LibraryConnections]> {
    const dataSource = await new DataSource(optionsOf(user)).initialize();
    const connections = await openConnections(dataSource, databaseOf(dataSource), {
      scopeConnections: 1,
      controlConnections: 2,
      statementTimeoutMs: 15_000,
      idleTimeoutSeconds: 60,
      writeWaitMs: 10_000,
    });
    opened.push(connections, { close: () => dataSource.destroy() });
    const options = {
      name: 'shop',
      oldMs,
      looksMs: EVERY_MS,
      now: () => now,
      onNotAllowed: (line: string) => log.push(line),
    };
    return [new WatchingTransactions(connections, events, options), connections];
  }

  /** Until it was told of so many. */
  const looksUntil = (looking: WatchingTransactions, count: number) =>
    until(`${count} were told of`, () => looking.look().then(() => told.length >= count), {
      everyMs: EVERY_MS,
    });

  /** When what is open by now is old. */
  const lookSeveralTimes = async (looking: WatchingTransactions) => {
    await other.query('DO SLEEP(3.1)');
    for (let looks = 0; looks < 3; looks++) {
      await looking.look();
      await other.query('DO SLEEP(0.15)');
    }
  };

  it('is told of by the connection to kill, whose it is, and what it does', async () => {
    const [looking] = await watching();
    await other.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    await looksUntil(looking, 1);
    const { database: schema } = database.options as { database: string };
    expect(told).toEqual([
      {
        type: 'old-transaction',
        database: 'shop',
        connectionId: other.threadId,
        user: 'root',
        host: expect.stringMatching(/^(127\.0\.0\.1|localhost):\d+$/),
        schema,
        openMs: expect.any(Number),
        running: undefined,
        forMs: expect.any(Number),
        others: 0,
      },
    ]);
    expect(told[0]!.openMs).toBeLessThan(MINUTE_MS);
    expect(lines).toHaveLength(1);
    for (const part of [
      'on the server of shop',
      `KILL ${other.threadId}`,
      'root from',
      `database ${schema}`,
      'idle for',
    ])
      expect(lines[0]).toContain(part);
  });

  it('is ended by what the line says', async () => {
    const [looking] = await watching();
    await other.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    await looksUntil(looking, 1);
    const [kill] = /KILL \d+/.exec(lines[0]!)!;
    const ended = new Promise((resolve) => other.once('error', resolve));
    await app.dataSource.query(kill);
    await ended;
    now += 60 * MINUTE_MS;
    await looking.look();
    expect(told).toHaveLength(1);
  });

  it('is told of by its first word alone where a statement runs, which may hold what is nobody’s business', async () => {
    const [looking] = await watching();
    await other.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    const running = other.query("/* Ann */ SELECT SLEEP(60), 'Ann' FROM mq_topic").catch(() => undefined);
    await looksUntil(looking, 1);
    expect(told[0]).toMatchObject({ connectionId: other.threadId, running: 'SELECT' });
    expect(JSON.stringify([told, lines])).not.toContain('Ann');
    await app.dataSource.query(`KILL ${other.threadId}`);
    await running;
  });

  it.each([
    ['there is none', async () => undefined],
    [
      'it is at READ COMMITTED and between two statements, whatever it has written',
      async () => {
        await other.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
        await other.query('START TRANSACTION');
        await other.query("INSERT INTO card (paymentId, issuedBy) VALUES ('P-0', 'hand')");
        await other.query('SELECT * FROM card');
      },
    ],
    [
      'it is that of a handler which takes its time',
      async () => {
        await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
        await app.events('delivered');
        await until(
          'its row is written',
          async () => {
            const [rows] = await other.query(
              'SELECT 1 FROM information_schema.innodb_trx WHERE trx_rows_modified > 1',
            );
            return (rows as unknown[]).length > 0;
          },
          { everyMs: EVERY_MS },
        );
      },
    ],
  ])('is nothing to tell of where %s', async (_what, begin) => {
    const [looking] = await watching();
    await begin();
    await lookSeveralTimes(looking);
    expect(told).toEqual([]);
  });

  it('has its time, by the clock of the server whatever time zone sessions have', async () => {
    await app.dataSource.query("SET GLOBAL time_zone = '+11:00'");
    try {
      const [looking] = await watching('root', MINUTE_MS);
      await other.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
      await lookSeveralTimes(looking);
      expect(told).toEqual([]);
    } finally {
      await app.dataSource.query("SET GLOBAL time_zone = 'SYSTEM'");
    }
  });

  it('is told of again after ten minutes, and the next one of the same connection at once', async () => {
    const [looking] = await watching();
    await other.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    await looksUntil(looking, 1);
    now += 10 * MINUTE_MS - 1;
    await lookSeveralTimes(looking);
    expect(told).toHaveLength(1);
    now += 1;
    await looksUntil(looking, 2);
    await other.query('COMMIT');
    // Servers write the second in which a transaction began.
    await other.query('DO SLEEP(1.1)');
    await other.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    await looksUntil(looking, 3);
    expect(told.map(({ connectionId }) => connectionId)).toEqual(Array(3).fill(other.threadId));
  });

  it('is the oldest of those that there are, with the number of the others', async () => {
    const later = await connect('root');
    opened.push({ close: () => later.end() });
    const [looking] = await watching();
    await other.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    await other.query('DO SLEEP(1.1)');
    await later.query('SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ');
    await later.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    await other.query('DO SLEEP(3.1)');
    await looking.look();
    expect(told).toMatchObject([{ connectionId: other.threadId, others: 1 }]);
    expect(lines[0]).toContain('1 more are open as well.');
  });

  it('is looked for again and again, until that is stopped', async () => {
    const [looking] = await watching();
    looking.start();
    looking.start();
    await other.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
    await until('it is told of', () => told.length === 1);
    looking.stop();
  });

  describe('for a user without the PROCESS privilege', () => {
    beforeEach(async () => {
      const { database: schema } = database.options as { database: string };
      await app.dataSource.query("CREATE USER 'shop'@'%' IDENTIFIED BY 'card'");
      await app.dataSource.query(`GRANT ALL ON ${schema}.* TO 'shop'@'%'`);
    });

    afterEach(() => app.dataSource.query("DROP USER 'shop'@'%'").catch(() => undefined));

    it('is not looked for, which is said once; the connection is kept, and nobody asks again', async () => {
      const [looking, connections] = await watching('shop');
      await other.query('START TRANSACTION WITH CONSISTENT SNAPSHOT');
      const idOf = () =>
        connections.control(async (on) => (await on.query('SELECT CONNECTION_ID() AS id', [], true)).records);
      const before = await idOf();
      await lookSeveralTimes(looking);
      expect(await idOf()).toEqual(before);
      expect(told).toEqual([]);
      expect(log).toEqual([expect.stringContaining('lacks the PROCESS privilege')]);
      const control = jest.spyOn(connections, 'control');
      await looking.look();
      expect(control).not.toHaveBeenCalled();
    });

    it('does not keep an app from its work', async () => {
      letGo();
      const own = await startApp(
        { ...database, options: optionsOf('shop') },
        { entities: [CardTable], providers: [Cards] },
      );
      opened.push(own);
      await own.outbox.publish(PaymentSucceeded, payment('P-2'), { standalone: true });
      const done = (each: TestApp) => each.seen.some(({ type }) => type === 'acknowledged');
      await until('its card is there', () => done(own) || done(app));
    });
  });

  it('is looked for by each process that sweeps, and by no other', async () => {
    const start = jest.spyOn(WatchingTransactions.prototype, 'start');
    const publisher = await startApp(database, { options: { roles: { sweep: false } } });
    await publisher.close();
    expect(start).not.toHaveBeenCalled();
    const sweeper = await startApp(database);
    await sweeper.close();
    expect(start).toHaveBeenCalledTimes(sweeper.isApart ? 2 : 1);
  });
});
