import { type TestApp, startApp } from '../support/app.js';
import { CardTable, PaymentRow, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { type CommitFault, type FaultProxy, faultProxy } from '../support/fault-proxy.js';
import {
  BatchIssuing,
  CardIssuing,
  SharedIssuing,
  cardedPayments,
  paymentIds,
  untilAllIsThrough,
} from '../support/faults.js';
import { describeOnServers } from '../support/hostile.js';

// Property: where the answer to a COMMIT is lost, whether or not it was done, each payment has one card in the end.
// (SQLite's COMMIT has no wire to be lost on.)

const FAULTS: CommitFault[] = ['answer-lost', 'command-lost', 'answer-swallowed'];
const COUNT = 18;

describeOnServers('a COMMIT whose answer is lost, on %s', (engine) => {
  let database: TestDatabase;
  let proxy: FaultProxy;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    proxy = await faultProxy(database);
    app = await startApp(proxy.database, {
      entities: [PaymentTable, CardTable],
      providers: [CardIssuing],
      // A swallowed answer is known by the time that it takes.
      options: { statementTimeoutMs: 500, consumers: { leaseMs: 3_000, concurrency: 4 } },
    });
  });

  afterEach(async () => {
    proxy.decide(() => undefined);
    await app.close();
    await proxy.close();
    await database.drop();
  });

  /** Every third COMMIT that ends a transaction with this in it, each one at least once, as long as there are. */
  const breakSome = (what: RegExp, fault: CommitFault) => {
    let seen = 0;
    proxy.decide((wrote) =>
      what.test(wrote) && proxy.faults < COUNT / 3 && seen++ % 3 === 0 ? fault : undefined,
    );
  };

  it.each(FAULTS)(
    'of a consumer (%s) leaves one card a payment',
    async (fault) => {
      breakSome(/INSERT INTO .?card/i, fault);
      const ids = paymentIds(COUNT);
      await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
      await untilAllIsThrough(app);
      expect(await cardedPayments(app)).toEqual(ids);
      expect(proxy.faults).toBeGreaterThanOrEqual(COUNT / 3);
      expect(app.seen.filter(({ type }) => type === 'commit-unknown').length).toBe(proxy.faults);
      expect(app.seen.filter(({ type }) => type === 'dead-lettered')).toEqual([]);
      // Nothing was counted as a failure of the handler.
      expect(app.seen.filter(({ type }) => type === 'retry-scheduled')).toEqual([]);
    },
    90_000,
  );

  it.each(FAULTS)(
    'of a consumer of batches (%s) leaves one card a payment',
    async (fault) => {
      await app.close();
      app = await startApp(proxy.database, {
        entities: [PaymentTable, CardTable],
        providers: [BatchIssuing],
        options: { statementTimeoutMs: 500, consumers: { leaseMs: 3_000, concurrency: 2 } },
      });
      proxy.decide((wrote) => (/INSERT INTO .?card/i.test(wrote) && proxy.faults < 2 ? fault : undefined));
      const ids = paymentIds(COUNT);
      await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
      await untilAllIsThrough(app);
      expect(await cardedPayments(app)).toEqual(ids);
      expect(proxy.faults).toBe(2);
      // Each of a batch: six at least, as the first two are full.
      expect(app.seen.filter(({ type }) => type === 'commit-unknown').length).toBeGreaterThan(6);
      expect(app.seen.filter(({ type }) => type === 'dead-lettered')).toEqual([]);
      expect(app.seen.filter(({ type }) => type === 'retry-scheduled')).toEqual([]);
    },
    90_000,
  );

  it.each(FAULTS)(
    'of several deliveries (%s), one of which had committed by itself, leaves the others with one card each',
    async (fault) => {
      await app.close();
      app = await startApp(proxy.database, {
        entities: [PaymentTable, CardTable],
        providers: [SharedIssuing],
        options: { statementTimeoutMs: 500, consumers: { leaseMs: 3_000 } },
      });
      const [first, ...ids] = paymentIds(COUNT) as [string, ...string[]];
      SharedIssuing.commitsAt = ids[3];
      // Nothing is hoarded before a handler has shown that it is fast.
      await app.outbox.publish(PaymentSucceeded, payment(first), { standalone: true });
      await app.events('acknowledged');
      // That of the library, behind that of the handler.
      const isWitnessed = (wrote: string) =>
        /JOIN .?mq_dedup/.test(wrote) && !/INSERT INTO .?card/i.test(wrote);
      proxy.decide((wrote) => (isWitnessed(wrote) && proxy.faults < 1 ? fault : undefined));
      await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
      await app.events('commit-unknown');
      // Whoever was through has had its ACK already where the COMMIT was done after all, as has the one that committed.
      const isDone = fault !== 'command-lost';
      await app.events('acknowledged', COUNT - (isDone ? 4 : 1));
      if (!isDone) await app.events('dead-lettered');
      const letters = app.seen.filter(({ type }) => type === 'dead-lettered');
      expect(letters).toMatchObject(isDone ? [] : [{ bizId: ids[3], reason: 'torn' }]);
      expect(await cardedPayments(app)).toEqual([first, ...ids]);
      expect(proxy.faults).toBe(1);
    },
    90_000,
  );

  it.each(FAULTS)(
    'of a claim (%s) loses no delivery',
    async (fault) => {
      breakSome(/UPDATE .?mq_delivery.* SET lost_leases/is, fault);
      const ids = paymentIds(COUNT);
      for (const id of ids) await app.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
      await untilAllIsThrough(app);
      expect(await cardedPayments(app)).toEqual(ids);
      expect(proxy.faults).toBeGreaterThan(0);
      expect(app.seen.filter(({ type }) => type === 'dead-lettered')).toEqual([]);
    },
    90_000,
  );

  it.each(['answer-lost', 'command-lost'] as const)(
    'of a publisher (%s) leaves the payment and its card, or neither',
    async (fault) => {
      breakSome(/INSERT INTO .?payment/i, fault);
      const ids = paymentIds(COUNT);
      let unknown = 0;
      for (const paymentId of ids) {
        const pay = app.dataSource.transaction(async (manager) => {
          await manager.insert(PaymentRow, { paymentId, amount: 1 });
          await app.outbox.publish(PaymentSucceeded, payment(paymentId), { manager });
        });
        await pay.catch(() => unknown++);
      }
      expect(unknown).toBe(proxy.faults);
      expect(unknown).toBeGreaterThanOrEqual(COUNT / 3);
      const paid = (await app.dataSource.getRepository(PaymentRow).find()).map(({ paymentId }) => paymentId);
      expect(paid).toHaveLength(fault === 'answer-lost' ? COUNT : COUNT - unknown);
      await untilAllIsThrough(app);
      expect(await cardedPayments(app)).toEqual(paid.sort());
    },
    60_000,
  );
});
