import { randomUUID } from 'node:crypto';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { type TestService, startService } from '../support/service.js';
import { ask, shipment } from './support/ask.js';

// Property: what a request says of a subscription that is gone keeps nobody from the rest of it.

const lease = { seq: 1, token: randomUUID() };

describe.each(engines)(
  'a broker service that is asked about subscriptions which it has not, on %s',
  (engine) => {
    let database: TestDatabase;
    let service: TestService;

    beforeEach(async () => {
      database = await createDatabase(engine);
      service = await startService(database);
    });

    afterEach(async () => {
      await service.close();
      await database.drop();
    });

    it('answers leases of a subscription that is not there with false, and those beside them as they are', async () => {
      const { subscription } = (
        await ask(service.url, 'subscribe', { topic: 'beside', group: 'cards', version: 1 })
      ).body;
      await ask(service.url, 'send', shipment({ topic: 'beside' }));
      const claim = { subscription, claimId: randomUUID(), limit: 1, leaseMs: 60_000 };
      const [{ seq, token }] = (await ask(service.url, 'claim', claim)).body.deliveries;
      const leases = [
        { ...lease, subscription: 999 },
        { subscription, seq, token },
        { ...lease, subscription: 998 },
      ];
      const extended = await ask(service.url, 'extend', { leases, leaseMs: 60_000 });
      expect(extended.body).toEqual({ held: [false, true, false] });
      const acknowledged = await ask(service.url, 'acknowledge', { leases });
      expect(acknowledged.body).toEqual({ taken: [false, true, false] });
    });

    it('waits for those that are there, and looks once for all that may not be', async () => {
      const { subscription } = (
        await ask(service.url, 'subscribe', { topic: 'waited-for', group: 'cards', version: 1 })
      ).body;
      const looking = jest.spyOn(service.broker, 'subscriptionsOf');
      const unknown = Array.from({ length: 900 }, (_, i) => 100_000 + i);
      const subscriptions = [...unknown, subscription];
      const { cursor } = (await ask(service.url, 'wait', { subscriptions, waitMs: 0 })).body;
      expect(looking).toHaveBeenCalledTimes(1);
      looking.mockRestore();
      await ask(service.url, 'send', shipment({ topic: 'waited-for' }));
      const { body } = await ask(service.url, 'wait', { subscriptions, cursor, waitMs: 20_000 });
      expect(body.landed).toEqual([{ subscription, keyed: false }]);
    });
  },
);
