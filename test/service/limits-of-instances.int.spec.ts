import { randomBytes } from 'node:crypto';
import { type BrokerParts, TOPIC, openBroker, send, sent } from '../relay/parts.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

// Property: a group with a limit is served by whichever instance is asked, whoever was polled.

describe.each(engines)('an instance that nobody has polled, on %s,', (engine) => {
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

  it('gives a limited group as much as its limit allows', async () => {
    const subscription = await parts.broker.subscribe({ topic: TOPIC, group: 'cards', version: 1 });
    await parts.broker.groups.limit({ group: 'cards' }, { concurrency: 2 });
    await send(
      parts.broker,
      ['P-1', 'P-2', 'P-3'].map((bizId) => sent(bizId)),
    );
    const claim = () => ({ subscription, claimId: randomBytes(16), after: 0, limit: 3, leaseMs: 30_000 });
    const unpolled = parts.another();
    const { deliveries, heldBack } = await unpolled.repeatable.claim(claim());
    expect(deliveries).toHaveLength(2);
    expect(heldBack).toBe(true);
    expect((await parts.another().repeatable.claim(claim())).deliveries).toEqual([]);
  });
});
