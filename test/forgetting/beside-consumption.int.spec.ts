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

  async function fill({ dataSource }: World): Promise<void> {
    const [{ id }] = await dataSource.query('SELECT id FROM mq_scenario');
    const at = (Date.now() - 60 * DAY_MS) * 1000;
    const each = 2_500;
    for (let from = 0; from < ROWS; from += each) {
      const rows = Array.from({ length: each }, (_, i) => [Buffer.from(`old-${from + i}`), at + from + i]);
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
