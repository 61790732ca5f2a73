import type { Relay } from '../../src/publisher/index.js';
import { engines } from '../support/engines.js';
import {
  type BrokerParts,
  type BusinessParts,
  type ToRelays,
  openBroker,
  openBusiness,
  through,
} from './parts.js';
import { backUp } from './restored.js';
import { type TwoDatabases, twoDatabases } from './support.js';

// Property: a relay goes by what its broker said a moment ago only where the broker would say the same again.

describe.each(engines)('a relay that has asked its broker a moment ago, on %s,', (engine) => {
  let databases: TwoDatabases;
  let parts: BrokerParts;
  let business: BusinessParts;
  let asked: number;
  let now: number;
  let transport: ToRelays;
  let relay: Relay;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
    parts = await openBroker(databases.broker);
    business = await openBusiness(databases.business);
    asked = 0;
    now = 1_000_000;
    jest.spyOn(performance, 'now').mockImplementation(() => now);
    transport = through(parts.broker, {
      acceptance: (origin) => {
        asked++;
        return parts.broker.acceptance(origin);
      },
    });
    relay = business.relay(transport);
    await business.put([{ bizId: 'P-0' }]);
    await relay.relayOnce();
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await business.close();
    await parts.close();
    await databases.drop();
  });

  const relayNext = async (bizId: string, next = relay): Promise<void> => {
    await business.put([{ bizId }]);
    await next.relayOnce({ expecting: true });
  };
  const landed = async () => Object.keys(await parts.landed()).sort();

  it('sends what comes next without asking', async () => {
    await relayNext('P-1');
    await relayNext('P-2');
    expect(asked).toBe(1);
    expect(await landed()).toEqual(['P-0', 'P-1', 'P-2']);
  });

  it('asks again after a while, and where nothing has said that there is something', async () => {
    now += 200;
    await relayNext('P-1');
    expect(asked).toBe(2);
    await business.put([{ bizId: 'P-2' }]);
    await relay.relayOnce();
    expect(asked).toBe(3);
    expect(await landed()).toEqual(['P-0', 'P-1', 'P-2']);
  });

  it('asks again when another relay has claimed since', async () => {
    await relayNext('P-1', business.relay(transport));
    expect(asked).toBe(2);
    await relayNext('P-2');
    expect(asked).toBe(3);
    expect(await landed()).toEqual(['P-0', 'P-1', 'P-2']);
  });

  it('asks again when a shipment got no answer', async () => {
    transport.send = () => Promise.reject(new Error('The ACK is lost.'));
    await relayNext('P-1');
    // Whether that was the shipment or the broker, it finds out at once; and what it knew before is worth nothing.
    expect(asked).toBe(2);
    await relayNext('P-2');
    expect(asked).toBe(4);
  });

  it('sees that a backup was restored from before its last claim', async () => {
    await business.put([{ bizId: 'P-1' }]);
    const backup = await backUp(business);
    await relay.relayOnce({ expecting: true });
    await backup.restore();
    await relayNext('P-2');
    expect(business.seen.filter(({ type }) => type === 'outbox-restored')).toHaveLength(1);
    // What is below its cursor comes with the next look at everything.
    now += 60_000;
    await relay.relayOnce();
    expect(parts.seen.filter(({ type }) => type === 'resend-absorbed')).toHaveLength(1);
    expect(await parts.landed()).toEqual({ 'P-0': 1, 'P-1': 1, 'P-2': 1 });
  });
});
