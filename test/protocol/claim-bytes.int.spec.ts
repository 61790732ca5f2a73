import { randomBytes, randomUUID } from 'node:crypto';
import type { TestApp } from '../support/app.js';
import {
  type Subscribed,
  MINUTE_MS,
  OrderPlaced,
  bizIds,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { startService } from '../support/service.js';
import { ask, shipment } from '../service/support/ask.js';

// Property: what a claim may hand out at once is bounded in bytes as well, and nothing is left out because of it.

const KIB = 1024;
const MIB = 1024 * KIB;

describe.each(engines)('a claim that may bring so many bytes on %s', (engine) => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await createDatabase(engine);
  });

  afterEach(async () => {
    await database.drop();
  });

  describe('of a broker', () => {
    let app: TestApp;
    let cards: Subscribed;

    beforeEach(async () => {
      app = await startBroker(database);
      cards = await subscribe(app, 'cards');
    });

    afterEach(async () => {
      await app.close();
    });

    const publish = (kib: number, orders: readonly string[], orderingKeys: readonly string[] = []) =>
      app.dataSource.transaction(async (manager) => {
        for (const [i, orderId] of orders.entries()) {
          const orderingKey = orderingKeys[i];
          const options = { manager, ...(orderingKey !== undefined && { orderingKey }) };
          const order = { orderId, text: 'x'.repeat(kib * KIB) };
          await app.outbox.publish(OrderPlaced, order, options);
        }
      });
    const claim = (after = 0, { keys = false, first = true } = {}) =>
      app.broker.claim({
        subscription: cards,
        claimId: randomBytes(16),
        after,
        limit: 100,
        maxBytes: 100 * KIB,
        leaseMs: MINUTE_MS,
        ...(keys && { keys: { after: Buffer.alloc(0), until: Buffer.alloc(0), first } }),
      });

    it('leases no more than those, and goes on behind them', async () => {
      await publish(30, ['O-1', 'O-2', 'O-3', 'O-4', 'O-5']);
      const first = await claim();
      expect(bizIds(first.deliveries)).toEqual(['O-1', 'O-2', 'O-3']);
      // Whoever asked for more than there was would else wait until something lands.
      expect(first).toMatchObject({ heldBack: true, lastSeen: first.deliveries[2]!.seq });
      const second = await claim(first.lastSeen);
      expect(bizIds(second.deliveries)).toEqual(['O-4', 'O-5']);
      expect(second.heldBack).toBe(false);
    });

    it('leases one that is longer by itself', async () => {
      await publish(200, ['O-1', 'O-2']);
      expect(bizIds((await claim()).deliveries)).toEqual(['O-1']);
      expect(bizIds((await claim()).deliveries)).toEqual(['O-2']);
      expect((await claim()).deliveries).toEqual([]);
    });

    it('leases those with and without an ordering key by turns, and looks again at the keys that it left', async () => {
      await publish(60, ['O-1', 'O-2']);
      await publish(60, ['K-1', 'K-2'], ['a', 'b']);
      const plain = await claim(0, { keys: true, first: false });
      expect(bizIds(plain.deliveries)).toEqual(['O-1']);
      expect(plain.keys).toMatchObject({ exhausted: false });
      const keyed = await claim(plain.lastSeen, { keys: true, first: true });
      expect(bizIds(keyed.deliveries)).toEqual(['K-1']);
      expect(keyed.lastSeen).toBeUndefined();
      expect(bizIds((await claim(0, { keys: true, first: true })).deliveries)).toEqual(['K-2']);
      expect(bizIds((await claim()).deliveries)).toEqual(['O-2']);
    });
  });

  it('is what a service makes of each, whatever its limit', async () => {
    const service = await startService(database);
    try {
      const about = { topic: 'payment.succeeded', group: 'cards' };
      const { subscription } = (await ask(service.url, 'subscribe', { ...about, version: 1 })).body;
      const bodies = Array.from({ length: 10 }, (_, i) => `P-${i}`);
      for (const bizId of bodies) {
        await ask(service.url, 'send', shipment({ bizId, body: JSON.stringify('x'.repeat(MIB)) }));
      }
      const got: string[] = [];
      for (const most of [7, 3]) {
        const claim = { subscription, claimId: randomUUID(), limit: 5_000, leaseMs: MINUTE_MS };
        const { deliveries } = (await ask(service.url, 'claim', claim)).body as {
          deliveries: { bizId: string }[];
        };
        expect(deliveries).toHaveLength(most);
        got.push(...deliveries.map(({ bizId }) => bizId));
        // The same is answered again, and no more of it.
        expect((await ask(service.url, 'claim', claim)).body.deliveries).toHaveLength(most);
      }
      expect(got.sort()).toEqual(bodies);
    } finally {
      await service.close();
    }
  });
});
