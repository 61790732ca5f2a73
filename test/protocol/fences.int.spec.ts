import type { TestApp } from '../support/app.js';
import {
  type Leased,
  type Subscribed,
  MINUTE_MS,
  claim,
  claimAlone,
  numbered,
  publishOrders,
  recordOf,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { letPass, tableSizes } from '../support/tables.js';

// Property: who lost the lease is told so, and changes nothing of the delivery, whatever it tries.

describe.each(engines)('the fence of the lease token on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let cards: Subscribed;
  let lost: Leased;
  let held: Leased;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startBroker(database);
    cards = await subscribe(app, 'cards');
    await publishOrders(app, ['O-1']);
    lost = (await claim(app, cards)).deliveries[0]!;
    await letPass(app.dataSource, MINUTE_MS);
    held = (await claimAlone(app, cards, lost.seq))!;
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const delivery = async (): Promise<unknown> =>
    app.dataSource.query(
      'SELECT subscription_id, seq, available_at, token, failures, lost_leases FROM mq_delivery',
    );

  const attempts: [string, () => Promise<unknown>, unknown][] = [
    ['an ACK', () => app.broker.acknowledge(lost), false],
    ['a retry', () => app.broker.retryLater(lost, { ...recordOf(lost), failures: 7 }, 0), false],
    ['a dead letter', () => app.broker.deadLetter(lost, { ...recordOf(lost), failures: 7 }, 'failed'), false],
    ['a giving back', () => app.broker.giveBack(lost, 0), false],
  ];

  it.each(attempts)('refuses %s by a holder that lost its lease', async (_, attempt, answer) => {
    const before = await delivery();
    expect(await attempt()).toBe(answer);
    expect(await delivery()).toEqual(before);
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, delivery: 1 });
    expect(await app.broker.acknowledge(held)).toBe(true);
  });

  it('renews what is still held, and names what is not', async () => {
    await publishOrders(app, numbered(2, 'P'));
    const more = (await claim(app, cards)).deliveries;
    await letPass(app.dataSource, MINUTE_MS - 1_000);
    expect(await app.broker.extend(cards, [lost, ...more], 10 * MINUTE_MS)).toEqual([lost]);
    await letPass(app.dataSource, 5 * MINUTE_MS);
    // Only the one that its new holder did not renew has run out.
    expect(await claim(app, cards)).toMatchObject({ deliveries: [], suspects: [{ seq: held.seq }] });
  });

  it('lets nobody in when the same holder settles a delivery twice', async () => {
    const settled = await Promise.all([
      app.broker.acknowledge(held),
      app.broker.retryLater(held, recordOf(held), 0),
      app.broker.deadLetter(held, recordOf(held), 'rejected'),
    ]);
    expect(settled.filter(Boolean)).toHaveLength(1);
    const { message, ...elsewhere } = await tableSizes(app.dataSource);
    expect(message).toBe(1);
    expect(Object.values(elsewhere).reduce((sum, n) => sum + n, 0)).toBe(settled[0] ? 0 : 1);
  });

  it('takes an ACK from a holder whose lease ran out but that nobody else has taken', async () => {
    await letPass(app.dataSource, 2 * MINUTE_MS);
    expect(await app.broker.acknowledge(held)).toBe(true);
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1 });
  });
});
