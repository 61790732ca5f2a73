import { Injectable } from '@nestjs/common';
import { type Connection, createConnection } from 'mysql2/promise';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, emptyDatabase } from '../support/engines.js';
import { cardedPayments, paymentIds, untilAllIsThrough } from '../support/faults.js';
import { describeOnServers } from '../support/hostile.js';
import { logLines } from '../support/log-lines.js';
import { OwnServer } from '../support/own-server.js';
import { until } from '../support/until.js';

// Property: a server that takes no writes for a while, as during a failover, costs no message an attempt; what was under
// way is done once, soon after it takes them again; and the log says that it began and that it is over.

const COUNT = 200;
const LEASE_MS = 2_000;

/** The handlers of these payments stop before or after their write until they are let go. The last one swallows its error. */
const [BEFORE, AFTER, REFUSED] = ['P-000', 'P-001', 'P-002'];

@Injectable()
class PatientCardIssuing {
  readonly waiting = new Set<string>();
  private readonly gates = new Map<string, { opened: Promise<void>; open: () => void }>();

  constructor() {
    for (const at of ['write', 'end']) {
      let open!: () => void;
      const opened = new Promise<void>((resolve) => (open = resolve));
      this.gates.set(at, { opened, open });
    }
  }

  letGo(at: 'write' | 'end'): void {
    this.gates.get(at)!.open();
  }

  // One attempt: the first failure that is counted would send it to the dead letters.
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', retry: { attempts: 1 } })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    if (paymentId === BEFORE || paymentId === REFUSED) await this.wait('write', paymentId);
    try {
      await delivery.manager.insert(CardRow, { paymentId, issuedBy: delivery.group });
    } catch (error) {
      if (paymentId !== REFUSED) throw error;
      // Swallowed: its end finds a server that takes the COMMIT again.
      await this.wait('end', `${paymentId} was refused`);
    }
    if (paymentId === AFTER) await this.wait('write', paymentId);
  }

  private wait(at: 'write' | 'end', what: string): Promise<void> {
    this.waiting.add(what);
    return this.gates.get(at)!.opened;
  }
}

describeOnServers('a database that is read-only for a while, %s', (engine) => {
  let server: OwnServer;
  let database: TestDatabase;
  let root: Connection;
  let app: TestApp;
  let log: string[];

  beforeAll(async () => {
    server = await OwnServer.start(engine as 'mariadb' | 'mysql');
  }, 120_000);

  afterAll(() => server?.close());

  beforeEach(async () => {
    database = await emptyDatabase(engine, 'utf8mb4', server.url);
    root = await createConnection(server.url);
    app = await startApp(await asPlainUser(), {
      entities: [PaymentTable, CardTable],
      providers: [PatientCardIssuing],
      options: { consumers: { leaseMs: LEASE_MS, concurrency: 4 } },
    });
    log = logLines();
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await root?.query('SET GLOBAL read_only = 0');
    await root?.end();
    await app?.close();
    await database?.drop();
  });

  /** Root may write to a server that is read-only. */
  async function asPlainUser(): Promise<TestDatabase> {
    const name = (database.options as { database: string }).database;
    await root.query(`CREATE USER '${name}'@'%' IDENTIFIED BY 'plain'`);
    await root.query(`GRANT ALL ON ${name}.* TO '${name}'@'%'`);
    return {
      ...database,
      options: { ...database.options, username: name, password: 'plain' } as TestDatabase['options'],
    };
  }

  const readOnly = () => root.query(`SET GLOBAL ${engine === 'mysql' ? 'super_read_only' : 'read_only'} = 1`);
  const writable = () => root.query('SET GLOBAL read_only = 0');
  const ids = paymentIds(COUNT);

  async function expectEachOnce(): Promise<void> {
    await untilAllIsThrough(app, { log });
    expect(await cardedPayments(app)).toEqual(ids);
    expect(whatHappened('retry-scheduled', 'dead-lettered')).toEqual([]);
  }

  const whatHappened = (...types: string[]) => app.seen.filter(({ type }) => types.includes(type));

  const whatIsUnderWayLosesItsLease = () =>
    until('what was under way has lost its lease', async () => {
      const [{ n }] = await app.dataSource.query(
        `SELECT COUNT(*) AS n FROM mq_delivery
         WHERE available_at > TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))`,
      );
      return Number(n) === 0;
    });

  it('costs no attempt, for longer than leases last, and is told of when it begins and when it is over', async () => {
    const issuing = app.nest.get(PatientCardIssuing);
    await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
    await until('the handlers wait', () => issuing.waiting.size === 3);
    await app.events('acknowledged', 10);
    await readOnly();
    const refused = app.outbox.publish(PaymentSucceeded, payment('REFUSED'), { standalone: true });
    await expect(refused).rejects.toThrow(/read-only/);
    issuing.letGo('write');
    issuing.letGo('end');
    await app.events('worker-error', 3);
    await whatIsUnderWayLosesItsLease();
    await writable();
    await expectEachOnce();
    expect(whatHappened('commit-unknown').length).toBeLessThanOrEqual(4);
    expect(log).toEqual([
      expect.stringMatching(/^warn: .*card-issuing.*(keeps trying|comes again): .*read-only/),
      expect.stringMatching(/^log: The worker of card-issuing .* works again/),
    ]);
  }, 120_000);

  it('costs a handler no attempt that met it and ends when it is over, also one that swallows it', async () => {
    const issuing = app.nest.get(PatientCardIssuing);
    await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
    await until('the handlers wait', () => issuing.waiting.size === 3);
    await readOnly();
    issuing.letGo('write');
    await until('its write was refused', () => issuing.waiting.has(`${REFUSED} was refused`));
    await writable();
    issuing.letGo('end');
    await expectEachOnce();
  }, 120_000);
});
