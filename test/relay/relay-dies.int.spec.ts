import { engines } from '../support/engines.js';
import { type FailingConnections, failing } from './failing.js';
import { type BrokerParts, type BusinessParts, drain, openBroker, openBusiness, through } from './parts.js';
import { type TwoDatabases, twoDatabases } from './support.js';

// Property: wherever a relay dies, before or after any of its statements, COMMITs and shipments, another one loses nothing
// and doubles nothing.

const DEAD = new Error('the process is dead');

describe.each(engines)('a relay that dies, on %s,', (engine) => {
  let databases: TwoDatabases;
  let parts: BrokerParts;
  let business: BusinessParts;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
    parts = await openBroker(databases.broker);
    business = await openBusiness(databases.business);
    await parts.broker.sweep();
  });

  afterEach(async () => {
    await business.close();
    await parts.close();
    await databases.drop();
  });

  const publish = async (round: number) => {
    const bizIds = [`A-${round}`, `B-${round}`];
    await business.put(bizIds.map((bizId) => ({ bizId })));
    // One that is due, and one whose id is replaced.
    await business.put([{ bizId: `C-${round}`, innerMsgId: Buffer.alloc(16, round) }], { deliverAt: 1 });
    return Object.fromEntries([...bizIds, `C-${round}`].map((bizId) => [bizId, 1]));
  };

  it.each(['before', 'after'] as const)(
    '%s each of its statements, loses and doubles nothing',
    async (when) => {
      let steps = Infinity;
      let expected: Record<string, number> = {};
      for (let at = 1; at <= steps; at++) {
        expected = { ...expected, ...(await publish(at)) };
        const connections: FailingConnections = failing(business.connections, {
          at,
          when,
          error: DEAD,
          forGood: true,
        });
        const dying = business.relay(parts.broker, {}, connections);
        await dying.relayOnce().catch(() => undefined);
        const alive = business.relay(parts.broker);
        await drain(business, alive);
        expect(await parts.landed()).toEqual(expected);
        if (steps === Infinity) {
          const whole = failing(business.connections, { at: 0, when, error: DEAD });
          expected = { ...expected, ...(await publish(0)) };
          await business.relay(parts.broker, {}, whole).relayOnce();
          steps = whole.steps;
          expect(steps).toBeGreaterThan(10);
        }
      }
      expect(await parts.quarantined()).toEqual({});
      expect(await business.count('outbox_scheduled')).toBe(0);
    },
  );

  it.each(['before', 'after'] as const)(
    '%s its shipment is stored, loses and doubles nothing',
    async (when) => {
      const expected = await publish(1);
      const dying = business.relay(
        through(parts.broker, {
          send: async (shipment) => {
            if (when === 'after') await parts.broker.send(shipment);
            // A process that is gone hears nothing.
            return new Promise(() => undefined);
          },
        }),
        { ackTimeoutMs: 50 },
      );
      await dying.relayOnce();
      expect(business.seen.filter(({ type }) => type === 'ack-missed')).toMatchObject(
        Array(3).fill({ error: expect.stringContaining('No ACK') }),
      );
      await drain(business, business.relay(parts.broker));
      expect(await parts.landed()).toEqual(expected);
      expect(parts.seen.filter(({ type }) => type === 'resend-absorbed')).toHaveLength(
        when === 'after' ? 3 : 0,
      );
    },
  );
});
