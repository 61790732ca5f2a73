import { Injectable } from '@nestjs/common';
import { AtLeastOnceBatch, AtLeastOnceConsumer, BatchContext, IdempotentConsumer } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type Booked, Booking } from '../support/booking.js';
import { CardRow, CardTable } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows } from '../support/tables.js';
import { until } from '../support/until.js';

// Property: a batch has one message of each key at most, the first of its line, and what fails holds up its own line alone.

const ACCOUNTS = ['a', 'b', 'c', 'd', 'e', 'f'];
const COUNT = 4;

let calls: Booked[][];
let deed: (booked: Booked[], batch: BatchContext<Booked>) => Promise<void>;

@Injectable()
class Ledger {
  @IdempotentConsumer(Booking, { group: 'ledger', concurrency: 2, batch: { max: 50 } })
  async book(booked: Booked[], batch: BatchContext<Booked>) {
    calls.push(booked);
    expect(batch.deliveries.map(({ orderingKey }) => orderingKey)).toEqual(
      booked.map(({ account, number }) => (number === 0 ? undefined : account)),
    );
    const rows = booked.map(({ account, number }) => ({ paymentId: account, issuedBy: String(number) }));
    await batch.manager.insert(CardRow, rows);
    await deed(booked, batch);
  }
}

@Injectable()
class Mail {
  @AtLeastOnceConsumer(Booking, { group: 'ledger', concurrency: 2, batch: { max: 50 } })
  async mail(booked: Booked[], batch: AtLeastOnceBatch<Booked>) {
    calls.push(booked);
    return batch.ack();
  }
}

describe.each(engines)('batches of messages with ordering keys on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    calls = [];
    deed = async () => undefined;
    database = await createDatabase(engine);
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  /** All are there before the first is claimed. Number 0 has no key. */
  const start = async (provider: new () => object) => {
    app = await startApp(database, { entities: [CardTable], providers: [provider] });
    await app.close();
    app = await startApp(database, { entities: [CardTable], options: { roles: { consume: false } } });
    const numbers = Array.from({ length: COUNT }, (_, i) => i);
    for (const number of numbers)
      await app.outbox.publishAll(
        Booking,
        ACCOUNTS.map((account) => ({ account, number })),
        { standalone: true, ...(number > 0 && { orderingKey: ({ account }: Booked) => account }) },
      );
    const landed = async () => (await countRows(app.brokerDataSource, 'message')) === ACCOUNTS.length * COUNT;
    await until('all have landed', landed);
    await app.close();
    app = await startApp(database, { entities: [CardTable], providers: [provider] });
  };
  const lines = async () => {
    const rows = await app.dataSource.getRepository(CardRow).find({ order: { id: 'ASC' } });
    return Object.fromEntries(
      ACCOUNTS.map((account) => [
        account,
        rows.flatMap(({ paymentId, issuedBy }) =>
          paymentId === account && issuedBy !== '0' ? [Number(issuedBy)] : [],
        ),
      ]),
    );
  };
  const inOrder = Object.fromEntries(ACCOUNTS.map((account) => [account, [1, 2, 3]]));
  const mostOfAKey = () =>
    Math.max(
      ...calls.flatMap((booked) =>
        ACCOUNTS.map((account) => booked.filter((one) => one.account === account && one.number > 0).length),
      ),
    );

  it('have the first of many lines, and what has no key', async () => {
    await start(Ledger);
    await app.events('acknowledged', ACCOUNTS.length * COUNT);
    expect(await lines()).toEqual(inOrder);
    expect(calls.flat()).toHaveLength(ACCOUNTS.length * COUNT);
    expect(mostOfAKey()).toBe(1);
    expect(Math.max(...calls.map((booked) => booked.filter(({ number }) => number > 0).length))).toBe(6);
    expect(calls.some((booked) => new Set(booked.map(({ number }) => number > 0)).size === 2)).toBe(true);
    expect(await countRows(app.dataSource, 'dedup')).toBe(ACCOUNTS.length * COUNT);
  });

  it('hold up a line whose first has failed, and no other', async () => {
    let failures = 0;
    deed = async (booked) => {
      if (booked.some(({ account, number }) => account === 'c' && number === 1) && failures++ < 6)
        throw new Error('not yet');
    };
    await start(Ledger);
    await app.events('acknowledged', ACCOUNTS.length * COUNT);
    expect(await lines()).toEqual(inOrder);
    const failed = app.seen.flatMap((event) => (event.type === 'retry-scheduled' ? [event.bizId] : []));
    expect(new Set(failed).size).toBe(1);
    expect(mostOfAKey()).toBe(1);
  });

  it('hold up a line whose first is wanted later, and no other', async () => {
    let once = true;
    deed = async (_, { deliveries }) => {
      const first = deliveries.find(({ payload }) => payload.account === 'c' && payload.number === 1);
      if (!once || !first) return;
      once = false;
      first.retryLater({ delayMs: 50 });
    };
    await start(Ledger);
    await app.events('acknowledged', ACCOUNTS.length * COUNT);
    expect(await lines()).toEqual(inOrder);
  });

  it('are acknowledged as a whole where nothing is deduplicated', async () => {
    await start(Mail);
    await app.events('acknowledged', ACCOUNTS.length * COUNT);
    const of = (account: string) =>
      calls
        .flat()
        .filter((one) => one.account === account && one.number > 0)
        .map(({ number }) => number);
    expect(ACCOUNTS.map(of)).toEqual(ACCOUNTS.map(() => [1, 2, 3]));
    expect(mostOfAKey()).toBe(1);
  });
});
