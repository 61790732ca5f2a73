import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { type BrokerParts, HOUR_MS, TOPIC, WINDOW_MS, idAt, openBroker, send, sent } from './parts.js';

// Property: the age of the oldest message that can still reach a subscription counts every place in which one can be.

describe.each(engines)('the age of the oldest unfinished message, of a broker on %s,', (engine) => {
  let database: TestDatabase;
  let parts: BrokerParts;
  let cards: { id: number; topic: string; group: string };

  beforeEach(async () => {
    database = await createDatabase(engine);
    parts = await openBroker(database);
    cards = await parts.broker.subscribe({ topic: TOPIC, group: 'cards', version: 1 });
  });

  afterEach(async () => {
    await parts.close();
    await database.drop();
  });

  const sql = (statement: string) => parts.dataSource.query(statement);
  const age = async (of = cards) => {
    const ms = await parts.broker.oldestUnfinished(of);
    return ms === undefined ? undefined : Math.round(ms / HOUR_MS);
  };
  const hoursOld = (hours: number) =>
    sql(`UPDATE mq_message SET landed_at = landed_at - ${hours * HOUR_MS * 1000}`);
  const claim = async () => {
    const claimId = Buffer.alloc(16, 1);
    const request = { subscription: cards, claimId, after: 0, limit: 10, leaseMs: 60_000 };
    return (await parts.broker.claim(request)).deliveries[0]!;
  };
  const RECORD = { failures: 1, lostLeases: 0, errors: null };

  it('is none where there is nothing', async () => {
    expect(await age()).toBeUndefined();
    await send(parts.broker, [sent('P-1')]);
    expect(await age()).toBe(0);
    await parts.broker.acknowledge(await claim());
    expect(await age()).toBeUndefined();
  });

  it.each([
    ['ready', async () => undefined],
    ['leased', async () => void (await claim())],
    ['waiting', async () => void (await parts.broker.retryLater(await claim(), RECORD, HOUR_MS))],
    ['dead-lettered', async () => void (await parts.broker.deadLetter(await claim(), RECORD, 'failed'))],
    [
      'requeued from the dead letters',
      async () => {
        await parts.broker.deadLetter(await claim(), RECORD, 'failed');
        await parts.broker.deadLetters.requeue({ group: 'cards' });
      },
    ],
  ])('counts from its landing what is %s', async (_where, move) => {
    await send(parts.broker, [sent('P-1')]);
    await hoursOld(5);
    await move();
    await send(parts.broker, [sent('P-2')]);
    expect(await age()).toBe(5);
  });

  it('counts what is quarantined of its topic, and of no other', async () => {
    await parts.broker.sweep();
    const innerMsgId = idAt(Date.now() - 2 * WINDOW_MS);
    await send(parts.broker, [sent('P-1', { innerMsgId, topic: 'payment.refunded' })]);
    expect(await age()).toBeUndefined();
    await send(parts.broker, [sent('P-2', { innerMsgId: idAt(Date.now() - 2 * WINDOW_MS) })]);
    expect(await age()).toBe(0);
    await sql(`UPDATE mq_quarantine SET quarantined_at = quarantined_at - ${3 * HOUR_MS * 1000}`);
    expect(await age()).toBe(3);
  });

  it('counts nothing of another group, or of another topic', async () => {
    const sms = await parts.broker.subscribe({ topic: TOPIC, group: 'sms', version: 1 });
    const refunds = await parts.broker.subscribe({ topic: 'payment.refunded', group: 'cards', version: 1 });
    await send(parts.broker, [sent('P-1')]);
    await hoursOld(2);
    await parts.broker.acknowledge(await claim());
    expect([await age(), await age(sms), await age(refunds)]).toEqual([undefined, 2, undefined]);
  });

  it('counts what no group took, as a requeue of it would reach this one', async () => {
    await send(parts.broker, [sent('U-1', { topic: 'unheard' })]);
    await hoursOld(4);
    const unroutedMs = HOUR_MS;
    await sql(`UPDATE mq_parked SET parked_at = 0`);
    await parts.another({ unroutedMs }).sweep();
    const late = await parts.broker.subscribe({ topic: 'unheard', group: 'late', version: 1 });
    expect(await parts.count('delivery')).toBe(0);
    expect(await age(late)).toBe(4);
    expect(await age()).toBeUndefined();
    expect(await parts.broker.deadLetters.requeue({ topic: 'unheard' })).toBe(1);
    expect(await parts.count('delivery', `subscription_id = ${late.id}`)).toBe(1);
    expect(await age(late)).toBe(4);
  });

  it('counts what is parked, as a group that is removed and comes back gets it again', async () => {
    await send(parts.broker, [sent('U-1', { topic: 'unheard' })]);
    await hoursOld(4);
    const late = await parts.broker.subscribe({ topic: 'unheard', group: 'late', version: 1 });
    await sql('DELETE FROM mq_delivery');
    expect(await age(late)).toBe(4);
    await parts.broker.removeSubscription({ topic: 'unheard', group: 'late', version: 1 });
    const back = await parts.broker.subscribe({ topic: 'unheard', group: 'late', version: 2 });
    expect(await parts.count('delivery', `subscription_id = ${back.id}`)).toBe(1);
    expect(await age(back)).toBe(4);
  });
});
