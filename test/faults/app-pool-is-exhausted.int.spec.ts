import { Injectable } from '@nestjs/common';
import { type Connection, createConnection } from 'mysql2/promise';
import type { QueryRunner } from 'typeorm';
import { DeliveryContext, IdempotentConsumer, OutboxPublisher, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { cardedPayments, paymentIds, untilAllIsThrough } from '../support/faults.js';
import { describeOnServers } from '../support/hostile.js';
import { logLines } from '../support/log-lines.js';
import { until } from '../support/until.js';

// Property: while the app's own code holds every connection of its pool, deliveries are claimed, handled, kept and
// acknowledged all the same, on connections of the library's own; publishing waits, and then succeeds. (The pool of a
// SQLite DataSource has no end.)

const COUNT = 100;
const POOL = 3;

@Injectable()
class SlowCardIssuing {
  /** Its handler runs until it is let go. */
  static readonly SLOW = 'P-000';
  slowHasBegun = false;
  letGo!: () => void;
  private readonly gone = new Promise<void>((resolve) => (this.letGo = resolve));

  constructor(private readonly outbox: OutboxPublisher) {}

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    await delivery.manager.insert(CardRow, { paymentId, issuedBy: delivery.group });
    if (paymentId === SlowCardIssuing.SLOW) {
      this.slowHasBegun = true;
      await this.gone;
    }
    // In the handler's own transaction, which has its connection.
    if (/^P-\d+$/.test(paymentId)) await this.outbox.publish(PaymentSucceeded, payment(`${paymentId}-again`));
  }
}

describeOnServers('an app that holds all connections of its pool, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let apart: Connection;
  let held: QueryRunner[];
  let log: string[];

  beforeEach(async () => {
    database = await createDatabase(engine);
    const { host, port, username, password, database: name } = database.options as ServerOptions;
    apart = await createConnection({ host, port, user: username, password, database: name });
    app = await startApp(database, {
      entities: [PaymentTable, CardTable],
      providers: [SlowCardIssuing],
      dataSource: { poolSize: POOL },
      options: { consumers: { leaseMs: 3_000 } },
    });
    held = [];
    log = logLines();
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await apart?.end();
    await releaseConnections();
    await app?.close();
    await database?.drop();
  });

  async function holdAllConnections(): Promise<void> {
    for (let i = 0; i < POOL; i++) {
      const runner = app.dataSource.createQueryRunner();
      held.push(runner);
      await runner.startTransaction();
    }
  }

  async function releaseConnections(): Promise<void> {
    for (const runner of held.splice(0)) {
      await runner.rollbackTransaction();
      await runner.release();
    }
  }

  async function endOfLease(): Promise<number> {
    const [rows] = await apart.query(
      `SELECT d.available_at AS ends FROM mq_delivery d JOIN mq_message m ON m.seq = d.seq WHERE m.biz_id = ?`,
      [Buffer.from(SlowCardIssuing.SLOW)],
    );
    return Number((rows as { ends: string }[])[0]?.ends);
  }

  it('goes on with its deliveries, and publishes when it has a connection again', async () => {
    const issuing = app.nest.get(SlowCardIssuing);
    const ids = paymentIds(COUNT);
    await app.outbox.publish(PaymentSucceeded, payment(SlowCardIssuing.SLOW), { standalone: true });
    await until('the slow handler runs', () => issuing.slowHasBegun);
    await app.outbox.publishAll(PaymentSucceeded, ids.slice(1).map(payment), { standalone: true });
    await holdAllConnections();

    let published = false;
    const publishing = app.outbox
      .publish(PaymentSucceeded, payment('LATER'), { standalone: true })
      .then(() => (published = true));
    // Claims, handlers and ACKs: theirs, and of what they have published meanwhile.
    await app.events('acknowledged', 2 * (COUNT - 1));
    const ends = await endOfLease();
    await until('the lease of the slow one was renewed', async () => (await endOfLease()) > ends, {
      everyMs: 50,
    });
    issuing.letGo();
    await app.events('acknowledged', 2 * COUNT);
    expect(published).toBe(false);

    await releaseConnections();
    await publishing;
    await untilAllIsThrough(app, { log });
    const expected = [...ids, ...ids.map((id) => `${id}-again`), 'LATER'];
    expect(await cardedPayments(app)).toEqual(expected.sort());
    const types = new Set(app.seen.map(({ type }) => type));
    for (const trouble of ['retry-scheduled', 'given-back', 'lease-lost', 'worker-error'] as const) {
      expect(types).not.toContain(trouble);
    }
    expect(log).toEqual([]);
  }, 120_000);
});

interface ServerOptions {
  host: string;
  port: number;
  username: string;
  password: string;
  database: string;
}
