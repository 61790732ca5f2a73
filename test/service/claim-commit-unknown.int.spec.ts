import { randomBytes } from 'node:crypto';
import { failing } from '../relay/failing.js';
import { type BrokerParts, TOPIC, openBroker, send, sent } from '../relay/parts.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

// Property: what a claim has leased is not taken away from whoever asks again under its id.

const LEASE_MS = 60_000;

describe.each(engines)('a claim whose COMMIT got no answer, on %s,', (engine) => {
  let database: TestDatabase;
  let parts: BrokerParts;
  let subscription: { id: number };

  beforeEach(async () => {
    database = await createDatabase(engine);
    parts = await openBroker(database);
    subscription = await parts.broker.subscribe({ topic: TOPIC, group: 'cards', version: 1 });
    await send(parts.broker, [sent('P-1'), sent('P-2')]);
  });

  afterEach(async () => {
    await parts.close();
    await database.drop();
  });

  const claim = (limit: number) => ({
    subscription,
    claimId: randomBytes(16),
    after: 0,
    limit,
    leaseMs: LEASE_MS,
  });
  const through = (at: number) => {
    const connections = failing(parts.connections, { at, when: 'after', error: new Error('no answer') });
    return { connections, broker: parts.another({}, connections) };
  };

  it('has its deliveries when it is asked for again at another instance, and keeps them', async () => {
    const counting = through(0);
    const first = await counting.broker.repeatable.claim(claim(1));
    expect(first.deliveries).toHaveLength(1);
    const request = claim(1);
    await expect(through(counting.connections.steps).broker.repeatable.claim(request)).rejects.toThrow(
      'no answer',
    );
    const { deliveries } = await parts.broker.repeatable.claim(request);
    expect(deliveries.map(({ bizId }) => bizId.toString())).toEqual(['P-2']);
    expect(await parts.broker.extend(subscription, deliveries, LEASE_MS)).toEqual([]);
  });

  it('is handed back where nobody can ask again', async () => {
    const counting = through(0);
    await counting.broker.claim(claim(1));
    await expect(through(counting.connections.steps).broker.claim(claim(1))).rejects.toThrow('no answer');
    const { deliveries } = await parts.broker.claim(claim(1));
    expect(deliveries).toMatchObject([{ lostLeases: 0 }]);
  });
});
