import { Injectable } from '@nestjs/common';
import { type Connection, createConnection } from 'mysql2/promise';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, emptyDatabase } from '../support/engines.js';
import { describeOnServers } from '../support/hostile.js';
import { logLines } from '../support/log-lines.js';
import { OwnServer } from '../support/own-server.js';
import { tableSizes } from '../support/tables.js';
import { until } from '../support/until.js';

// Property: while a server has no room for what is written (1114: its tablespace may not grow), no message pays for it with
// an attempt, workers keep trying, and the log says that it began and that it is over; then what is left is done, once.
// (A file system that is full makes servers wait, or stop: that is a database that went away.)

const COUNT = 60;
const RECOVERS_WITHIN_MS = 60_000;
/** Together the effects take many times the room that is left. */
const CARDS_EACH = 2_000;
const BIG = 'x'.repeat(200);

/** Or MariaDB has no room for the undo log of what makes room again. MySQL has them apart anyway. */
const UNDO_APART = ['--innodb-undo-tablespaces=2'];
/** All tables in one file, which may not grow beyond this. */
const SMALL_DISK = ['--innodb-file-per-table=0', '--innodb-data-file-path=ibdata1:12M:autoextend:max:96M'];

const CHANGES = [
  /^warn: .*card-issuing.*(keeps trying|comes again): .* is full/,
  /^log: The worker of card-issuing .* works again/,
];

@Injectable()
class CardIssuing {
  // One attempt: the first failure that is counted would send it to the dead letters.
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', retry: { attempts: 1 } })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    await delivery.manager.insert(
      CardRow,
      Array.from({ length: CARDS_EACH }, () => ({ paymentId, issuedBy: BIG })),
    );
  }
}

describeOnServers('a server whose disk is full for a while, %s', (engine) => {
  let server: OwnServer;
  let database: TestDatabase;
  let root: Connection;
  let app: TestApp;
  let log: string[];

  beforeAll(async () => {
    server = await OwnServer.start(engine as 'mariadb' | 'mysql');
    await server.shutDown();
    await server.startAgain(engine === 'mariadb' ? [...SMALL_DISK, ...UNDO_APART] : SMALL_DISK);
  }, 120_000);

  afterAll(() => server?.close());

  beforeEach(async () => {
    database = await emptyDatabase(engine, 'utf8mb4', server.url);
    root = await createConnection({
      uri: server.url,
      database: (database.options as { database: string }).database,
    });
    app = await startApp(database, {
      entities: [PaymentTable, CardTable],
      providers: [CardIssuing],
      options: { consumers: { leaseMs: 2_000, concurrency: 4 } },
    });
    log = logLines();
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app?.close();
    await root?.end();
    await database?.drop();
  });

  const ids = Array.from({ length: COUNT }, (_, i) => `P-${String(i).padStart(3, '0')}`);

  /** What else is on the disk. Rows: MariaDB 10.11 has stopped where it ran full within a blob. */
  async function fillDisk(): Promise<void> {
    await root.query('CREATE TABLE filler (block VARCHAR(1000) NOT NULL)');
    const block = BIG.repeat(5);
    for (let rows = 500; rows >= 1; rows = Math.floor(rows / 5)) {
      const values = Array.from({ length: rows }, () => [block]);
      const grows = () => root.query('INSERT INTO filler VALUES ?', [values]).then(() => true, isFull);
      while (await grows());
    }
  }

  function isFull(error: { errno: number }): false {
    if (error.errno !== 1114) throw error as unknown as Error;
    return false;
  }

  const makeRoom = () => root.query('DROP TABLE filler');

  it('costs no attempt, and is told of when it begins and when it is over', async () => {
    await app.broker.groups.pause({ group: 'card-issuing' });
    await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
    await fillDisk();
    await app.broker.groups.resume({ group: 'card-issuing' });
    await app.events('worker-error', 10);
    await makeRoom();
    let left: object | undefined;
    const isThrough = async () => Object.keys((left = await tableSizes(app.dataSource))).length === 0;
    await until('everything is through', isThrough, { limitMs: RECOVERS_WITHIN_MS, everyMs: 50 }).catch(
      (error: Error) => {
        throw new Error(
          `${error.message}; left: ${JSON.stringify(left)}; log: ${log.slice(0, 5).join(' | ')}`,
        );
      },
    );
    const cards = await app.dataSource.query(
      'SELECT paymentId AS id, CAST(COUNT(*) AS CHAR) AS n FROM card GROUP BY paymentId ORDER BY paymentId',
    );
    expect(cards).toEqual(ids.map((id) => ({ id, n: String(CARDS_EACH) })));
    const counted = app.seen.filter(({ type }) => type === 'retry-scheduled' || type === 'dead-lettered');
    expect(counted).toEqual([]);
    // Room comes back bit by bit, so it may be full once more. Each change has one line, and no failure has one.
    const changes = log.map((line) => CHANGES.find((change) => change.test(line)) ?? line);
    expect(changes).toEqual(changes.map((_, i) => CHANGES[i % 2]));
    expect(changes.at(-1)).toBe(CHANGES[1]);
    expect(changes.length).toBeLessThan(10);
  }, 120_000);
});
