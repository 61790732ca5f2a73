import { Injectable } from '@nestjs/common';
import { type DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import {
  CardRow,
  CardTable,
  type Payment,
  PaymentSucceeded,
  PaymentTable,
  payment,
} from '../support/cards.js';
import { engines } from '../support/engines.js';
import { startApart, twoDatabases } from './support.js';

// Property: two groups that share a scenario, each in a process of its own, don't skip a message for one another in
// silence, also where the broker has another database than their dedup log.

const issue = ({ manager, group }: DeliveryContext, paymentId: string) =>
  manager.insert(CardRow, { paymentId, issuedBy: group });

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', scenario: 'payments' })
  async issue({ paymentId }: Payment, delivery: DeliveryContext): Promise<void> {
    await issue(delivery, paymentId);
  }
}

@Injectable()
class Points {
  @IdempotentConsumer(PaymentSucceeded, { group: 'points', scenario: 'payments' })
  async add({ paymentId }: Payment, delivery: DeliveryContext): Promise<void> {
    await issue(delivery, paymentId);
  }
}

describe.each(engines)(
  'two groups that share a scenario, their broker in another database, on %s',
  (engine) => {
    it('have the message of the second one in the dead letters, with what to do', async () => {
      const databases = await twoDatabases(engine);
      const parts = { entities: [PaymentTable, CardTable] };
      const cards = await startApart(databases, { ...parts, providers: [Cards] });
      const points = await startApart(databases, { ...parts, providers: [Points] });
      try {
        await cards.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
        const seen = await Promise.race([cards.events('dead-lettered'), points.events('dead-lettered')]);
        expect(seen).toMatchObject([{ reason: 'rejected', bizId: 'P-1' }]);
        expect(seen[0]!.error).toContain('Give each group a scenario of its own');
        expect(await cards.dataSource.getRepository(CardRow).count()).toBe(1);
      } finally {
        await points.close();
        await cards.close();
        await databases.drop();
      }
    });
  },
);
