import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { paymentIds, untilAllIsThrough } from '../support/faults.js';
import { logLines } from '../support/log-lines.js';

// Property: while SQLite's file can't grow (SQLITE_FULL), no message pays for it with an attempt; when there is room again,
// what is left is done, once. (A server that is full needs a disk of its own.)

const COUNT = 200;
/** An effect takes more room than the file has left over by chance. */
const CARDS_EACH = 50;
const BIG = 'x'.repeat(200);

interface RawDatabase {
  readonly open: boolean;
  pragma(source: string): unknown;
  prepare(sql: string): { run(...parameters: unknown[]): unknown };
}

@Injectable()
class BulkyCardIssuing {
  // One attempt: the first failure that is counted would send it to the dead letters.
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', retry: { attempts: 1 } })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    await delivery.manager.insert(
      CardRow,
      Array.from({ length: CARDS_EACH }, () => ({ paymentId, issuedBy: BIG })),
    );
  }
}

/** A disk for this one file. Each handle is told how far the file may grow, also those that are opened later. */
class Disk {
  private readonly handles = new Set<RawDatabase>();
  private full = false;
  private refusesCommits = false;

  readonly prepareDatabase = (handle: RawDatabase): void => {
    this.handles.add(handle);
    this.limit(handle);
    this.watchCommits(handle);
  };

  fill(): void {
    this.setFull(true);
  }

  makeRoom(): void {
    this.refusesCommits = false;
    this.setFull(false);
  }

  /** Where a disk is really full: the pages of a WAL are written when it commits. */
  refuseCommitsOfEffects(): void {
    this.refusesCommits = true;
  }

  /** Of those transactions that wrote a card. The statements are prepared once and kept. */
  private watchCommits(handle: RawDatabase): void {
    const prepare = handle.prepare.bind(handle);
    let wrote = false;
    handle.prepare = (sql) => {
      const statement = prepare(sql);
      const run = statement.run.bind(statement);
      statement.run = (...parameters) => {
        if (/^BEGIN/i.test(sql)) wrote = false;
        wrote ||= /^INSERT INTO .?card/i.test(sql);
        if (this.refusesCommits && wrote && /^COMMIT/i.test(sql)) {
          throw Object.assign(new Error('database or disk is full'), { code: 'SQLITE_FULL' });
        }
        return run(...parameters);
      };
      return statement;
    };
  }

  private setFull(full: boolean): void {
    this.full = full;
    for (const handle of this.handles) if (handle.open) this.limit(handle);
  }

  private limit(handle: RawDatabase): void {
    // Less than the file has is taken for what it has.
    handle.pragma(`max_page_count = ${this.full ? 1 : 2 ** 31}`);
  }
}

describe('a disk that is full for a while, on sqlite', () => {
  let database: TestDatabase;
  let disk: Disk;
  let app: TestApp;
  let log: string[];

  beforeEach(async () => {
    database = await createDatabase('sqlite');
    disk = new Disk();
    app = await startApp(database, {
      entities: [PaymentTable, CardTable],
      providers: [BulkyCardIssuing],
      options: { consumers: { leaseMs: 2_000, concurrency: 4 } },
      dataSource: { prepareDatabase: disk.prepareDatabase },
    });
    log = logLines();
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app?.close();
    await database?.drop();
  });

  const ids = paymentIds(COUNT);

  async function expectEachOnce(): Promise<void> {
    await untilAllIsThrough(app, { log });
    const cards = await app.dataSource.query(
      'SELECT paymentId AS id, COUNT(*) AS n FROM card GROUP BY paymentId ORDER BY paymentId',
    );
    expect(cards).toEqual(ids.map((id) => ({ id, n: CARDS_EACH })));
    const counted = app.seen.filter(({ type }) => type === 'retry-scheduled' || type === 'dead-lettered');
    expect(counted).toEqual([]);
    expect(log).toEqual([
      expect.stringMatching(/^warn: .*card-issuing.*(keeps trying|comes again): .*disk is full/),
      expect.stringMatching(/^log: The worker of card-issuing .* works again/),
    ]);
  }

  it('costs no attempt, and is told of when it begins and when it is over', async () => {
    await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
    await app.events('acknowledged', 10);
    disk.fill();
    await app.events('worker-error', 20);
    disk.makeRoom();
    await expectEachOnce();
  }, 120_000);

  it('costs no attempt where the COMMIT meets it', async () => {
    await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
    await app.events('acknowledged', 10);
    disk.refuseCommitsOfEffects();
    await app.events('worker-error', 20);
    disk.makeRoom();
    await expectEachOnce();
  }, 120_000);
});
