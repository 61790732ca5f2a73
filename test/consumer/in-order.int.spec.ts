import { Injectable } from '@nestjs/common';
import {
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  DeliveryContext,
  IdempotentConsumer,
  type PayloadOf,
  RejectMessageError,
  RetryLaterError,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type Booked, Booking, upTo } from '../support/booking.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { untilAllIsThrough } from '../support/faults.js';
import { Witnesses } from '../support/in-order.js';
import { inLanes } from '../support/in-lanes.js';
import { countRows, letPass } from '../support/tables.js';
import { until } from '../support/until.js';

// Property: of one key, a group's handlers run one at a time and in the order of the promise, whatever fails.

let witnesses: Witnesses;
/** What a test has the handler do instead. */
let instead: (booked: Booked, attempt: number) => Promise<void> | void = () => undefined;

@Injectable()
class Ledger {
  @IdempotentConsumer(Booking, { group: 'ledger', concurrency: 4, leaseMs: 4_000 })
  async book(booked: PayloadOf<typeof Booking>, { attempt, orderingKey }: DeliveryContext) {
    expect(orderingKey).toBe(booked.account);
    await witnesses.during(`ledger ${booked.account}`, booked.number, () => instead(booked, attempt));
  }

  @AtLeastOnceConsumer(Booking, { group: 'mail', concurrency: 4, leaseMs: 4_000 })
  async mail(booked: PayloadOf<typeof Booking>, delivery: AtLeastOnceDelivery) {
    return witnesses.during(`mail ${booked.account}`, booked.number, () => delivery.ack());
  }
}

describe.each(engines)('messages of one key on %s', (engine) => {
  let database: TestDatabase;
  const apps: TestApp[] = [];

  beforeEach(async () => {
    database = await createDatabase(engine);
    witnesses = new Witnesses();
    instead = () => undefined;
  });

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    await database.drop();
  });

  const start = async (consumes = true, pollMs = 20) => {
    const app = await startApp(database, {
      providers: consumes ? [Ledger] : [],
      options: { consumers: { pollMs, connections: 4, retry: { attempts: 5, delayMs: 5, maxDelayMs: 40 } } },
    });
    apps.push(app);
    return app;
  };
  /** With a broker apart, a relay brings them there. */
  const landed = (app: TestApp, count: number) =>
    until('all have landed', async () => (await countRows(app.brokerDataSource, 'message')) === count);
  const publish = (app: TestApp, account: string, ...numbers: number[]) =>
    app.outbox.publishAll(
      Booking,
      numbers.map((number) => ({ account, number })),
      { standalone: true, orderingKey: account },
    );

  it('are handled one at a time and in order by four processes, through failures and retries', async () => {
    const ACCOUNTS = ['a', 'b', 'c', 'd', 'e', 'f'];
    const COUNT = 12;
    instead = (_, attempt) => {
      if (Math.random() < 0.2 && attempt < 4) throw new Error('it went wrong');
      if (Math.random() < 0.1) throw new RetryLaterError({ delayMs: 3 });
    };
    for (let i = 0; i < 4; i++) await start();
    await inLanes(3, ACCOUNTS, async (account) => {
      // Half of them in one transaction, the others in one after the other.
      await publish(apps[0]!, account, ...upTo(COUNT / 2));
      for (const number of upTo(COUNT).slice(COUNT / 2)) await publish(apps[1]!, account, number);
    });
    await untilAllIsThrough(apps[0]!);
    for (const account of ACCOUNTS) {
      for (const group of ['ledger', 'mail']) {
        expect(witnesses.done(`${group} ${account}`)).toEqual(upTo(COUNT));
      }
    }
    expect(witnesses.overlaps).toEqual([]);
    expect(apps.flatMap(({ seen }) => seen.filter(({ type }) => type === 'retry-scheduled'))).not.toEqual([]);
  }, 120_000);

  it('follow each other at once, without waiting for the poll', async () => {
    const app = await start(true, 60_000);
    await publish(app, 'a', ...upTo(30));
    await app.events('acknowledged', 60);
    expect(witnesses.done('ledger a')).toEqual(upTo(30));
  });

  it('wait for a head in its backoff, and those of other keys and without a key go on', async () => {
    const app = await start();
    let fail = true;
    instead = ({ account, number }) => {
      if (fail && account === 'a' && number === 1) throw new RetryLaterError({ delayMs: 3_600_000 });
    };
    await publish(app, 'a', 1, 2, 3);
    await app.events('retry-scheduled');
    for (const account of ['b', 'c']) await publish(app, account, 1, 2);
    await until('the others are done', () =>
      ['b', 'c'].every((of) => witnesses.done(`ledger ${of}`).length === 2),
    );
    expect(witnesses.done('ledger a')).toEqual([]);
    await until('the other group is done', () => witnesses.done('mail a').length === 3);
    fail = false;
    await letPass(app.brokerDataSource, 3_600_000);
    await untilAllIsThrough(app);
    expect(witnesses.done('ledger a')).toEqual([1, 2, 3]);
  });

  it('go on without a head that went to the dead letters, which comes in again when it is requeued', async () => {
    const app = await start();
    let reject = true;
    instead = ({ number }) => {
      if (reject && number === 1) throw new RejectMessageError('not this one');
    };
    await publish(app, 'a', 1, 2, 3);
    await until('the others are done', () => witnesses.done('ledger a').length === 2);
    expect(await app.broker.deadLetters.list()).toMatchObject([{ bizId: 'a#1', orderingKey: 'a' }]);
    reject = false;
    await app.broker.deadLetters.requeue({ group: 'ledger' });
    await untilAllIsThrough(app);
    expect(witnesses.done('ledger a')).toEqual([2, 3, 1]);
  });

  it('are never beside a requeued one, however often that comes in while they run', async () => {
    for (let i = 0; i < 3; i++) await start();
    const [app] = apps as [TestApp];
    const rejected = new Set<number>();
    instead = async ({ number }) => {
      if (number % 5 !== 0 || rejected.has(number)) return;
      rejected.add(number);
      throw new RejectMessageError('the first time');
    };
    const COUNT = 60;
    await publish(app, 'a', ...upTo(COUNT));
    await until(
      'all are done',
      async () => {
        await app.broker.deadLetters.requeue({ group: 'ledger' });
        return witnesses.done('ledger a').length === COUNT;
      },
      { limitMs: 60_000, everyMs: 5 },
    );
    expect(rejected.size).toBe(COUNT / 5);
    expect(witnesses.overlaps).toEqual([]);
    const others = witnesses.done('ledger a').filter((number) => number % 5 !== 0);
    expect(others).toEqual(upTo(COUNT).filter((number) => number % 5 !== 0));
  }, 120_000);

  it('go on when a head has expired', async () => {
    const app = await start(false);
    for (const group of ['ledger', 'mail']) {
      await app.broker.subscribe({ topic: Booking.name, group, version: 1 });
    }
    await app.outbox.publish(
      Booking,
      { account: 'a', number: 1 },
      { standalone: true, orderingKey: 'a', expiresAt: new Date(Date.now() + 60_000) },
    );
    await publish(app, 'a', 2, 3);
    await landed(app, 3);
    await letPass(app.brokerDataSource, 61_000);
    const consuming = await start();
    await consuming.events('dead-lettered', 2, ({ reason }) => reason === 'expired');
    await until('the others are done', () => witnesses.done('ledger a').length === 2);
    expect(witnesses.done('ledger a')).toEqual([2, 3]);
  });

  it('wait for a head whose process stalled, which runs alone first', async () => {
    const app = await start(false);
    const subscription = await app.broker.subscribe({ topic: Booking.name, group: 'ledger', version: 1 });
    await publish(app, 'a', 1, 2, 3);
    await landed(app, 3);
    const keys = { after: Buffer.alloc(0), until: Buffer.alloc(0), first: true };
    const stalled = {
      subscription,
      claimId: Buffer.alloc(16, 1),
      after: 0,
      limit: 5,
      leaseMs: 3_600_000,
      keys,
    };
    expect((await app.broker.claim(stalled)).deliveries).toHaveLength(1);
    const consuming = await start();
    await until('the worker has asked', () => consuming.seen.some(({ type }) => type === 'consuming'));
    expect(witnesses.done('ledger a')).toEqual([]);
    await letPass(app.brokerDataSource, 3_600_000);
    await consuming.events('delivered', 1, ({ attempt, bizId }) => attempt === 2 && bizId === 'a#1');
    await until('all are done', () => witnesses.done('ledger a').length === 3);
    expect(witnesses.done('ledger a')).toEqual([1, 2, 3]);
    expect(witnesses.overlaps).toEqual([]);
  });
});
