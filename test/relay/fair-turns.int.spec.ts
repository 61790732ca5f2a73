import { engines } from '../support/engines.js';
import { type BrokerParts, type BusinessParts, openBroker, openBusiness } from './parts.js';
import { type TwoDatabases, twoDatabases } from './support.js';

// Property: messages with an ordering key and those without take turns, however long their bodies are.

/** Two of them are more than one claim takes. */
const LONG = JSON.stringify({ paymentId: 'P-LONG', padding: 'x'.repeat(3 * 1024 * 1024) });

describe.each(engines)('a relay with more than it can send at once, on %s,', (engine) => {
  let databases: TwoDatabases;
  let parts: BrokerParts;
  let business: BusinessParts;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
    parts = await openBroker(databases.broker);
    business = await openBusiness(databases.business);
  });

  afterEach(async () => {
    await business.close();
    await parts.close();
    await databases.drop();
  });

  const keyed = (name: string) => ({ orderingKey: Buffer.from(name) });

  it.each([
    { who: 'one with a key', of: { bizId: 'P-WAITS', ...keyed('waits') }, others: {} },
    { who: 'one without a key', of: { bizId: 'P-WAITS' }, others: keyed('others') },
  ])('lets $who wait for one turn at most', async ({ of, others }) => {
    const putLong = async () => {
      for (const n of [1, 2]) await business.put([{ bizId: `P-LONG-${n}`, body: LONG, ...others }]);
    };
    await putLong();
    await business.put([of]);
    const relay = business.relay(parts.broker);
    await relay.relayOnce();
    await putLong();
    await relay.relayOnce();
    expect(await parts.landed()).toMatchObject({ 'P-WAITS': 1 });
  });
});
