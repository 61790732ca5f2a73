import { DELIVERY_TABLES, readUnfinished } from '../../src/storage/index.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { type BrokerParts, HOUR_MS, TOPIC, WINDOW_MS, idAt, openBroker, send, sent } from '../relay/parts.js';

// Property: what a broker says can still reach a subscription has every place in which a message can be, as of one moment.

describe.each(engines)('the oldest message that can still come, of a broker on %s,', (engine) => {
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
    // Also what landed just now.
    const { now, oldest, waiting } = await parts.broker.unfinished(of, { slackMs: -1_000, limit: 10 });
    const landed = [oldest, ...waiting.map(({ landedAt }) => landedAt)].filter((at) => at !== undefined);
    return landed.length === 0 ? undefined : Math.round((now - Math.min(...landed)) / 1000 / HOUR_MS);
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

  it('counts no dead letter that was too old to judge, as it will not be run', async () => {
    await send(parts.broker, [sent('P-1')]);
    await parts.broker.deadLetter(await claim(), RECORD, 'too-old-to-judge');
    expect(await age()).toBeUndefined();
  });

  it('tells apart what may come at any moment and what waits, the oldest first, and no more than are asked for', async () => {
    await send(
      parts.broker,
      ['P-1', 'P-2', 'P-3', 'P-4', 'P-5'].map((bizId) => sent(bizId)),
    );
    await sql(`UPDATE mq_message SET landed_at = landed_at - seq * ${HOUR_MS * 1000}`);
    const claimId = Buffer.alloc(16, 1);
    const request = { subscription: cards, claimId, after: 0, limit: 10, leaseMs: 60_000 };
    const [first, second, third, fourth] = (await parts.broker.claim(request)).deliveries;
    await parts.broker.deadLetter(first!, RECORD, 'failed');
    await parts.broker.retryLater(second!, RECORD, HOUR_MS);
    await parts.broker.deadLetter(third!, RECORD, 'failed');
    await parts.broker.retryLater(fourth!, RECORD, HOUR_MS);
    const landed = await sql('SELECT seq, landed_at FROM mq_message ORDER BY seq');
    const at = landed.map(({ landed_at }: { landed_at: string }) => Number(landed_at));
    const ask = async (slackMs: number, limit: number) => {
      const { waiting, next, oldest } = await parts.broker.unfinished(cards, { slackMs, limit });
      return { waiting: waiting.map(({ bizId }) => bizId.toString()), next, oldest };
    };
    expect(await ask(0, 10)).toEqual({
      waiting: ['P-4', 'P-3', 'P-2', 'P-1'],
      next: undefined,
      oldest: at[4],
    });
    expect(await ask(0, 2)).toEqual({ waiting: ['P-4', 'P-3'], next: at[1], oldest: at[4] });
    expect(await ask(2.5 * HOUR_MS, 2)).toEqual({ waiting: ['P-4', 'P-3'], next: undefined, oldest: at[4] });
  });

  it('asks every table that can hold a delivery', async () => {
    const { database } = parts.connections;
    const asked: string[] = [];
    const on = {
      query: async (statement: string) => {
        asked.push(statement);
        return { records: [{ kind: 0, sorted_at: 1 }] } as never;
      },
    };
    const question = { subscriptionId: 1, topic: TOPIC, slackMs: 1, limit: 1 };
    await readUnfinished(database, on, question);
    const missing = DELIVERY_TABLES.filter((table) => !asked[0]!.includes(`${database.tables[table]} h`));
    expect(missing).toEqual([]);
    expect(asked).toHaveLength(1);
  });

  it('names the broker, as it does itself, and tells its time', async () => {
    const { broker, now } = await parts.broker.identify();
    const answer = await parts.broker.unfinished(cards, { slackMs: 0, limit: 1 });
    expect(broker).toHaveLength(16);
    expect(answer.broker.equals(broker)).toBe(true);
    expect(answer.now).toBeGreaterThanOrEqual(now);
  });
});
