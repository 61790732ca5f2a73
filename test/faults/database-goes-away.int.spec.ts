import { Injectable, Logger } from '@nestjs/common';
import { createConnection } from 'mysql2/promise';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, emptyDatabase } from '../support/engines.js';
import { cardedPayments, paymentIds, untilAllIsThrough } from '../support/faults.js';
import { describeOnServers } from '../support/hostile.js';
import { OwnServer } from '../support/own-server.js';
import { until } from '../support/until.js';

// Property: whatever happens to the database, the workers are at work again within seconds of its return, nothing is
// lost or doubled, and the log tells of it once. (SQLite is a file: what can happen to it is in storage/ and processes/.)

const COUNT = 100;
const ROUNDS = 5;
/** Of its return, in milliseconds. On a machine that may be busy. */
const RECOVERS_WITHIN_MS = 60_000;

/** Waits in the middle of its work, where a test wants it to. */
@Injectable()
class CardIssuing {
  meanwhile: Promise<void> | undefined;

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: delivery.group });
    await this.meanwhile;
    await delivery.manager.query('SELECT 1');
  }
}

describeOnServers('a database that goes away, %s', (engine) => {
  let server: OwnServer;
  let database: TestDatabase;
  let app: TestApp;
  let logged: string[];

  beforeAll(async () => {
    server = await OwnServer.start(engine as 'mariadb' | 'mysql');
  }, 120_000);

  afterAll(() => server?.close());

  const start = async (leaseMs: number) => {
    app = await startApp(database, {
      entities: [PaymentTable, CardTable],
      providers: [CardIssuing],
      options: { statementTimeoutMs: 1_000, consumers: { leaseMs, concurrency: 4 } },
    });
  };

  beforeEach(async () => {
    database = await emptyDatabase(engine, 'utf8mb4', server.url);
    logged = [];
    for (const level of ['warn', 'error'] as const) {
      jest
        .spyOn(Logger.prototype, level)
        .mockImplementation((...line: unknown[]) => void logged.push(String(line[0])));
    }
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app?.close();
    await database?.drop();
  });

  /** While the payments are being worked off, this happens to the server. */
  async function whileItWorks(happens: () => Promise<void>): Promise<void> {
    await start(2_000);
    const ids = paymentIds(COUNT);
    await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
    await app.events('acknowledged', 10);
    await happens();
    await untilAllIsThrough(app, { log: logged });
    expect(await cardedPayments(app)).toEqual(ids);
    expect(app.seen.filter(({ type }) => type === 'dead-lettered')).toEqual([]);
    // One line when it goes, and perhaps one for the sweeper or a delivery in flight; not one for each attempt.
    expect(logged.length).toBeLessThanOrEqual(10);
  }

  it('is killed and comes back', async () => {
    await whileItWorks(async () => {
      await server.kill();
      await app.events('worker-error');
      await server.startAgain();
    });
  }, 120_000);

  it('gives back what was in flight when it comes back, long before its lease runs out', async () => {
    await start(10 * RECOVERS_WITHIN_MS);
    let goOn!: () => void;
    app.nest.get(CardIssuing).meanwhile = new Promise((resolve) => (goOn = resolve));
    const ids = ['P-1', 'P-2', 'P-3'];
    await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
    await app.events('delivered', 3);
    await server.kill();
    goOn();
    await app.events('worker-error', 3, ({ bizId }) => bizId !== undefined);
    await server.startAgain();
    await app.events('acknowledged', 3);
    expect(await app.dataSource.getRepository(CardRow).count()).toBe(3);
    expect(app.seen.filter(({ type }) => type === 'given-back')).toHaveLength(3);
  }, 120_000);

  it('freezes for longer than leases and statements last', async () => {
    await whileItWorks(async () => {
      server.freeze();
      await app.events('worker-error');
      server.thaw();
    });
  }, 120_000);

  it('freezes with a handler in flight, and does not hold up a shutdown for longer than its timeouts', async () => {
    await start(500);
    let goOn!: () => void;
    app.nest.get(CardIssuing).meanwhile = new Promise((resolve) => (goOn = resolve));
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await app.events('delivered');
    server.freeze();
    try {
      // Renewals have come and gone unanswered.
      await app.events('worker-error', 2);
      goOn();
      const begun = performance.now();
      await app.close();
      // shutdownTimeoutMs, a statement before it and two after it; on a machine that may be busy.
      expect(performance.now() - begun).toBeLessThan(15_000);
    } finally {
      server.thaw();
    }
  }, 120_000);

  it('closes every connection, again and again', async () => {
    await whileItWorks(async () => {
      // A round that finds none would say nothing: the library opens new ones in between.
      for (let round = 0; round < ROUNDS; round++) {
        await until('connections were closed', async () => (await closeConnections()) > 0);
      }
    });
  }, 120_000);

  /** @returns how many there were, and are no more */
  async function closeConnections(): Promise<number> {
    const connection = await createConnection(server.url);
    const [rows] = await connection.query(
      'SELECT id FROM information_schema.processlist WHERE id <> CONNECTION_ID() AND db IS NOT NULL',
    );
    let closed = 0;
    for (const { id } of rows as { id: number }[]) {
      // It may have gone by itself.
      await connection.query(`KILL CONNECTION ${id}`).then(
        () => closed++,
        () => undefined,
      );
    }
    await connection.end();
    return closed;
  }
});
