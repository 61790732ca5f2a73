import type { TestApp } from '../support/app.js';
import {
  type Leased,
  type Subscribed,
  MINUTE_MS,
  OrderPlaced,
  claim,
  numbered,
  publishOrders,
  recordOf,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { inLanes } from '../support/in-lanes.js';
import { letPass, tableSizes } from '../support/tables.js';
import { type Recording, record } from '../support/wire-recorder.js';

// Property: a message is deleted when no table holds it any more: not before, and by somebody in the end.

describe.each(engines)('deleting messages on %s', (engine) => {
  let database: TestDatabase;
  let recording: Recording;
  let app: TestApp;
  let cards: Subscribed;
  let sms: Subscribed;

  beforeEach(async () => {
    database = await createDatabase(engine);
    recording = await record(database);
    app = await startBroker(recording.database);
    cards = await subscribe(app, 'cards');
    sms = await subscribe(app, 'sms');
  });

  afterEach(async () => {
    await app.close();
    await recording.close();
    await database.drop();
  });

  const claimAll = async (subscription: Subscribed, count: number): Promise<Leased[]> =>
    (await claim(app, subscription, { limit: count })).deliveries;

  /** The ACK, and the word about it that a worker passes on after its commit. */
  const finish = async (held: Leased) => {
    expect(await app.broker.acknowledge(held)).toBe(true);
    app.broker.finished(held.seq);
  };

  /** Messages that were deleted without the sweeper, once there are so many. */
  const dropped = async (count: number): Promise<void> => {
    const total = () =>
      app.seen.reduce((sum, event) => sum + (event.type === 'message-dropped' ? event.count : 0), 0);
    for (let batches = 1; total() < count; batches++) await app.events('message-dropped', batches);
    expect(total()).toBe(count);
  };

  it('waits for the last group', async () => {
    await publishOrders(app, ['O-1']);
    await finish((await claimAll(cards, 1))[0]!);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, delivery: 1 });
    await finish((await claimAll(sms, 1))[0]!);
    await dropped(1);
    expect(await tableSizes(app.dataSource)).toEqual({});
  });

  it('waits for a delivery that waits for its time', async () => {
    await publishOrders(app, ['O-1']);
    await finish((await claimAll(cards, 1))[0]!);
    const [held] = await claimAll(sms, 1);
    await app.broker.retryLater(held!, recordOf(held!), MINUTE_MS);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, waiting: 1 });
    await letPass(app.dataSource, MINUTE_MS);
    await app.broker.poll(sms, 0);
    await finish((await claimAll(sms, 1))[0]!);
    await dropped(1);
  });

  it('waits for a dead letter, and deletes after it was requeued and acknowledged', async () => {
    await publishOrders(app, ['O-1']);
    await finish((await claimAll(cards, 1))[0]!);
    const [held] = await claimAll(sms, 1);
    await app.broker.deadLetter(held!, recordOf(held!), 'rejected');
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, dead_letter: 1 });
    const [letter] = await app.broker.deadLetters.list();
    await app.broker.deadLetters.requeue(letter!);
    await finish((await claimAll(sms, 1))[0]!);
    await dropped(1);
  });

  // SQLite has one writer: whoever deletes waits for an open publisher, and need not do otherwise.
  if (engine !== 'sqlite') {
    it('does not wait for a publisher whose transaction stays open', async () => {
      await publishOrders(app, numbered(40));
      const all = [...(await claimAll(cards, 40)), ...(await claimAll(sms, 40))];
      const publisher = app.dataSource.createQueryRunner();
      await publisher.startTransaction();
      await app.outbox.publish(OrderPlaced, { orderId: 'open' }, { manager: publisher.manager });
      await Promise.all(all.slice(0, 60).map(finish));
      await dropped(20);
      await publisher.commitTransaction();
      await publisher.release();
      expect(await tableSizes(app.dataSource)).toEqual({ message: 21, delivery: 22 });
    });
  }

  it('is done by the sweeper where a process died between its ACK and the deletion', async () => {
    // More than the sweeper looks at in one go.
    await publishOrders(app, numbered(600));
    const all = [...(await claimAll(cards, 600)), ...(await claimAll(sms, 600))];
    const last = all.pop()!;
    await inLanes(4, all, (held) => app.broker.acknowledge(held));
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, delivery: 1 });
    await app.broker.acknowledge(last);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({});
  });

  it('leaves no orphan and meets no deadlock when two groups acknowledge 1,500 messages at the same time', async () => {
    const COUNT = 1_500;
    await publishOrders(app, numbered(COUNT));
    const [left, right] = [await claimAll(cards, COUNT), await claimAll(sms, COUNT)];
    await inLanes(4, left, (held, i) => Promise.all([finish(held), finish(right[i]!)]));
    await dropped(COUNT);
    expect(await tableSizes(app.dataSource)).toEqual({});
    // The library begins a transaction anew that got in another's way: it would have rolled back first.
    expect(recording.statements.filter(({ sql }) => sql === 'ROLLBACK')).toEqual([]);
    expect(recording.statements.filter(({ sql }) => sql === 'COMMIT').length).toBeGreaterThan(2 * COUNT);
  }, 180_000);
});
