import { Injectable } from '@nestjs/common';
import { type Connection, createConnection } from 'mysql2/promise';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { servers } from '../support/hostile.js';
import { logLines } from '../support/log-lines.js';
import { OwnServer } from '../support/own-server.js';
import { tableSizes } from '../support/tables.js';
import { until } from '../support/until.js';

// Property: a server that takes no writes for a while, as during a failover, costs no message an attempt; what was under
// way is done once, soon after it takes them again; and the log says that it began and that it is over.

const COUNT = 200;
const LEASE_MS = 2_000;
/** On a machine that may be busy. */
const RECOVERS_WITHIN_MS = 20_000;

@Injectable()
class CardIssuing {
  /** Handlers of these payments stop before and after their write until they are let go. */
  static readonly WAITS_BEFORE = 'P-000';
  static readonly WAITS_AFTER = 'P-001';
  readonly errors: unknown[] = [];
  private go!: () => void;
  private readonly gone = new Promise<void>((resolve) => (this.go = resolve));
  readonly waiting = new Set<string>();

  letGo(): void {
    this.go();
  }

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', retry: { attempts: 1 } })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    if (paymentId === CardIssuing.WAITS_BEFORE) await this.wait(paymentId);
    await delivery.manager
      .insert(CardRow, { paymentId, issuedBy: delivery.group })
      .catch((error: unknown) => this.fails(error));
    if (paymentId === CardIssuing.WAITS_AFTER) await this.wait(paymentId);
  }

  private fails(error: unknown): never {
    this.errors.push(error);
    throw error;
  }

  private wait(paymentId: string): Promise<void> {
    this.waiting.add(paymentId);
    return this.gone;
  }
}

const describeOnServers = servers.length > 0 ? describe.each(servers) : describe.skip.each(['no server']);

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
    database = await createDatabase(engine as 'mariadb' | 'mysql', 'utf8mb4', server.url);
    root = await createConnection(server.url);
    app = await startApp(await asPlainUser(), {
      entities: [PaymentTable, CardTable],
      providers: [CardIssuing],
      options: { statementTimeoutMs: 1_000, consumers: { leaseMs: LEASE_MS, concurrency: 4 } },
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
  const ids = Array.from({ length: COUNT }, (_, i) => `P-${String(i).padStart(3, '0')}`);

  async function expectEachOnce(): Promise<void> {
    let left: object | undefined;
    const isThrough = async () =>
      Object.keys((left = await tableSizes(app.dataSource))).length === 0;
    await until('everything is through', isThrough, { limitMs: RECOVERS_WITHIN_MS, everyMs: 50 }).catch(
      (error: Error) => {
        throw new Error(`${error.message}; left: ${JSON.stringify(left)}; log: ${log.join(' | ')}`);
      },
    );
    const cards = await app.dataSource.getRepository(CardRow).find();
    expect(cards.map(({ paymentId }) => paymentId).sort()).toEqual(ids);
    // One attempt is all that the consumer allows.
    expect(app.seen.filter(({ type }) => type === 'retry-scheduled' || type === 'dead-lettered')).toEqual([]);
  }

  it('loses nothing, doubles nothing, and is told of once', async () => {
    const issuing = app.nest.get(CardIssuing);
    await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
    await app.events('acknowledged', 10);
    await until('both handlers wait', () => issuing.waiting.size === 2);
    await readOnly();
    await expect(
      app.outbox.publish(PaymentSucceeded, payment('REFUSED'), { standalone: true }),
    ).rejects.toThrow(/read-only/);
    issuing.letGo();
    await app.events('worker-error', 3);
    await until('what was under way has lost its lease', async () => {
      const [{ n }] = await app.dataSource.query(
        `SELECT COUNT(*) AS n FROM mq_delivery
         WHERE available_at > TIMESTAMPDIFF(MICROSECOND, '1970-01-01', UTC_TIMESTAMP(6))`,
      );
      return Number(n) === 0;
    });
    await writable();
    const began = performance.now();
    await expectEachOnce();
    process.stdout.write(`${engine} ${performance.now() - began} ${issuing.errors.join()}\n${log.join('\n')}\n`);
    const count: Record<string, number> = {};
    for (const { type } of app.seen) count[type] = (count[type] ?? 0) + 1;
    process.stdout.write(JSON.stringify(count) + '\n');
  }, 60_000);
});
