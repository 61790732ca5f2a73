import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import { DAY_MS } from '../relay/parts.js';
import { CardRow, type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { engines } from '../support/engines.js';
import { World } from './support/world.js';

// Property: a hundred thousand rows are forgotten while consumers go on: nobody waits for a lock of the other's, no delivery
// is given back, and each payment has one card.

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Payment, { manager, group }: DeliveryContext) {
    await manager.insert(CardRow, { paymentId, issuedBy: group });
  }
}

const ROWS = 100_000;
const PAYMENTS = 300;

jest.setTimeout(300_000);

describe.each(engines)('forgetting beside consumption, on %s', (engine) => {
  it('deletes in batches, and neither waits for the other', async () => {
    const world = await World.open(engine, 'one database', { providers: [Cards] });
    try {
      await fill(world);
      const published = publishAll(world);
      const [result] = await world.forget();
      await published;
      await world.app.events('acknowledged', PAYMENTS);
      expect(result).toMatchObject({ forgotten: ROWS });
      expect(await world.remembered()).toHaveLength(PAYMENTS);
      expect(Object.values(await world.issued())).toEqual(Array(PAYMENTS).fill(1));
      expect(world.app.seen.filter(({ type }) => type === 'given-back' || type === 'worker-error')).toEqual(
        [],
      );
    } finally {
      await world.close();
    }
  });

  it('meets repeats of the very rows that go, which have one effect each', async () => {
    const world = await World.open(engine, 'one database', { providers: [Cards] });
    try {
      await fill(world, 3_000);
      const repeats = Array.from({ length: 300 }, (_, i) => `old-${10 * i}`);
      const forgetting = world.forget();
      // They land after the retention, so each may take effect once more, or be absorbed.
      await world.app.outbox.publishAll(PaymentSucceeded, repeats.map(payment), { standalone: true });
      await forgetting;
      await world.settle();
      await world.app.outbox.publishAll(PaymentSucceeded, repeats.map(payment), { standalone: true });
      await world.settle();
      const issued = await world.issued();
      expect(Object.values(issued).every((count) => count === 1)).toBe(true);
      expect(await world.deadLetters()).toEqual({});
      const absorbed = world.app.seen.filter(({ type }) => type === 'duplicate-absorbed').length;
      expect(Object.keys(issued).length + absorbed).toBe(2 * repeats.length);
    } finally {
      await world.close();
    }
  });

  async function fill({ dataSource }: World, count = ROWS): Promise<void> {
    const [{ id }] = await dataSource.query('SELECT id FROM mq_scenario');
    const at = (Date.now() - 60 * DAY_MS) * 1000;
    const each = 1_500;
    for (let from = 0; from < count; from += each) {
      const rows = Array.from({ length: Math.min(each, count - from) }, (_, i) => [
        Buffer.from(`old-${from + i}`),
        at + from + i,
      ]);
      await dataSource.query(
        `INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, created_at)
         VALUES ${rows.map(() => `(${id}, ?, X'${'00'.repeat(16)}', 1, ?)`).join(', ')}`,
        rows.flat(),
      );
    }
  }

  async function publishAll({ app }: World): Promise<void> {
    for (let i = 0; i < PAYMENTS; i += 10) {
      const some = Array.from({ length: 10 }, (_, k) => payment(`P-${i + k}`));
      await app.outbox.publishAll(PaymentSucceeded, some, { standalone: true });
    }
  }
});
