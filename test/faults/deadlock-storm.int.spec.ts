import { Injectable } from '@nestjs/common';
import { EntitySchema } from 'typeorm';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { paymentIds, untilAllIsThrough } from '../support/faults.js';
import { describeOnServers } from '../support/hostile.js';
import { logLines } from '../support/log-lines.js';

// Property: handlers that lock the same few rows in any order, and so deadlock all the time, each take effect once in the
// end, and none of it is counted as a failure. (SQLite has one writer at a time, and so no deadlocks.)

const COUNT = 300;
const ACCOUNTS = 4;
const AT_A_TIME = 8;

class Account {
  id!: number;
  bookings!: number;
}

const AccountTable = new EntitySchema<Account>({
  target: Account,
  name: 'Account',
  tableName: 'account',
  columns: { id: { type: 'int', primary: true }, bookings: { type: 'int' } },
});

@Injectable()
class Bookkeeping {
  deadlocks = 0;
  readonly runs = new Map<string, number>();

  // One attempt: the first failure that is counted would send it to the dead letters.
  @IdempotentConsumer(PaymentSucceeded, { group: 'bookkeeping', retry: { attempts: 1 } })
  async book({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    this.runs.set(paymentId, (this.runs.get(paymentId) ?? 0) + 1);
    for (const id of inRandomOrder(ACCOUNTS)) {
      await delivery.manager.increment(Account, { id }, 'bookings', 1).catch((error: { errno?: number }) => {
        if (error.errno === 1213) this.deadlocks++;
        throw error;
      });
    }
  }
}

function inRandomOrder(count: number): number[] {
  return Array.from({ length: count }, (_, id) => ({ id, at: Math.random() }))
    .sort((one, other) => one.at - other.at)
    .map(({ id }) => id);
}

describeOnServers('a storm of deadlocks, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let log: string[];

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, {
      entities: [AccountTable],
      providers: [Bookkeeping],
      options: { consumers: { concurrency: AT_A_TIME } },
    });
    const accounts = Array.from({ length: ACCOUNTS }, (_, id) => ({ id, bookings: 0 }));
    await app.dataSource.getRepository(Account).insert(accounts);
    log = logLines();
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app?.close();
    await database?.drop();
  });

  it('delays messages, and costs none of them an attempt', async () => {
    const bookkeeping = app.nest.get(Bookkeeping);
    const ids = paymentIds(COUNT);
    await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
    await untilAllIsThrough(app, { log, limitMs: 120_000 });
    const accounts = await app.dataSource.getRepository(Account).find();
    expect(accounts.map(({ bookings }) => bookings)).toEqual(Array(ACCOUNTS).fill(COUNT));
    expect(bookkeeping.runs.size).toBe(COUNT);
    // Without a storm the test would say nothing.
    expect(bookkeeping.deadlocks).toBeGreaterThan(COUNT / 10);
    const counted = app.seen.filter(({ type }) => type === 'retry-scheduled' || type === 'dead-lettered');
    expect(counted).toEqual([]);
    expect(log).toEqual([]);
  }, 150_000);
});
