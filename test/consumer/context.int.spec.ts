import { AsyncLocalStorage } from 'node:async_hooks';
import { Injectable } from '@nestjs/common';
import {
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  DeliveryContext,
  IdempotentConsumer,
  type PayloadOf,
} from '../../src/index.js';
import { startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { createDatabase, engines } from '../support/engines.js';

/** A handler runs in nobody's context: neither in that of who started the app, nor in that of who published. */

const tenant = new AsyncLocalStorage<string>();
const seen = new Set<string | undefined>();

@Injectable()
class Consumers {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', concurrency: 3 })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    seen.add(tenant.getStore());
    await delivery.manager.query('SELECT 1');
    seen.add(tenant.getStore());
    if (paymentId.endsWith('7') && delivery.attempt === 1) throw new Error('out of cards');
  }

  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'sms', concurrency: 3 })
  async text(_paid: PayloadOf<typeof PaymentSucceeded>, delivery: AtLeastOnceDelivery) {
    seen.add(tenant.getStore());
    return delivery.ack();
  }
}

describe.each(engines)('handlers of an app that was started in somebody’s context, on %s', (engine) => {
  it('see no store of it, nor of those who publish', async () => {
    seen.clear();
    const database = await createDatabase(engine);
    const app = await tenant.run('who started it', () => startApp(database, { providers: [Consumers] }));
    try {
      const ids = Array.from({ length: 10 }, (_, i) => `P-${i}`);
      const publishing = ids.map((id) =>
        tenant.run(`who published ${id}`, () =>
          app.outbox.publish(PaymentSucceeded, payment(id), { standalone: true }),
        ),
      );
      await Promise.all(publishing);
      await app.events('acknowledged', 2 * ids.length);
      expect([...seen]).toEqual([undefined]);
    } finally {
      await app.close();
      await database.drop();
    }
  });
});
