import { idAt, type BrokerParts, DAY_MS, TOPIC, WINDOW_MS, openBroker, send, sent } from '../relay/parts.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { letPass } from '../support/tables.js';

// Property: what nobody has decided about within its time goes, and what is younger stays.

describe.each(engines)('what waits for a decision, at a broker on %s,', (engine) => {
  let database: TestDatabase;
  let parts: BrokerParts;

  beforeEach(async () => {
    database = await createDatabase(engine);
    parts = await openBroker(database);
  });

  afterEach(async () => {
    await parts.close();
    await database.drop();
  });

  const forgotten = () =>
    parts.seen.flatMap((event) => (event.type === 'forgotten' ? [[event.what, event.count]] : []));
  const die = async (bizIds: readonly string[]) => {
    const subscription = await parts.broker.subscribe({ topic: TOPIC, group: 'cards', version: 1 });
    await send(
      parts.broker,
      bizIds.map((bizId) => sent(bizId)),
    );
    const claim = { subscription, claimId: Buffer.alloc(16, 1), after: 0, limit: 1_000, leaseMs: 60_000 };
    for (const delivery of (await parts.broker.claim(claim)).deliveries) {
      await parts.broker.deadLetter(delivery, { failures: 1, lostLeases: 0, errors: null }, 'failed');
    }
  };

  it('dead letters go with their messages', async () => {
    await die(Array.from({ length: 250 }, (_, i) => `old-${i}`));
    await letPass(parts.dataSource, 60 * DAY_MS);
    await die(['young']);
    await parts.broker.sweep();
    expect(forgotten()).toEqual([]);
    await letPass(parts.dataSource, 31 * DAY_MS);
    await parts.broker.sweep();
    expect(forgotten()).toEqual([['dead-letters', 250]]);
    expect((await parts.broker.deadLetters.list()).map(({ bizId }) => bizId)).toEqual(['young']);
    expect(await parts.landed()).toEqual({ young: 1 });
  });

  it('a dead letter that was requeued and died again is as old as its second death', async () => {
    await die(['P-1']);
    await letPass(parts.dataSource, 89 * DAY_MS);
    await parts.broker.deadLetters.requeue({ group: 'cards' });
    await die([]);
    await letPass(parts.dataSource, 2 * DAY_MS);
    await parts.broker.sweep();
    expect(await parts.broker.deadLetters.list()).toHaveLength(1);
  });

  it('copies that were decided about are known for as long, hold nothing back, and go unsaid', async () => {
    const { broker } = parts;
    const cards = await broker.subscribe({ topic: TOPIC, group: 'cards', version: 1 });
    await broker.sweep();
    const copy = sent('P-1', { innerMsgId: idAt(Date.now() - 2 * WINDOW_MS) });
    await send(broker, [copy]);
    const ask = async () => (await broker.unfinished(cards, { slackMs: -1_000, limit: 10 })).waiting.length;
    expect(await ask()).toBe(1);
    const [quarantined] = await broker.quarantine.list();
    await broker.quarantine.discard(quarantined!.id);
    expect(await ask()).toBe(0);
    await letPass(parts.dataSource, 89 * DAY_MS);
    await broker.sweep();
    await send(broker, [copy]);
    expect(await broker.quarantine.list()).toEqual([]);
    await letPass(parts.dataSource, 2 * DAY_MS);
    await broker.sweep();
    expect(await parts.count('quarantine')).toBe(0);
    expect(forgotten()).not.toContainEqual(['quarantined-copies', 1]);
  });

  it('quarantined copies go, the oldest first', async () => {
    await parts.broker.sweep();
    const late = (count: number) =>
      Array.from({ length: count }, (_, i) =>
        sent(`Q-${i}`, { innerMsgId: idAt(Date.now() - 2 * WINDOW_MS - i) }),
      );
    await send(parts.broker, late(150));
    await letPass(parts.dataSource, 91 * DAY_MS);
    await send(parts.broker, [sent('young', { innerMsgId: idAt(Date.now() - 2 * WINDOW_MS) })]);
    await parts.another({ quarantineMs: 100 * DAY_MS }).sweep();
    expect(await parts.count('quarantine')).toBe(151);
    await parts.broker.sweep();
    expect(await parts.quarantined()).toEqual({ young: 1 });
    expect(forgotten()).toContainEqual(['quarantined-copies', 150]);
  });
});
