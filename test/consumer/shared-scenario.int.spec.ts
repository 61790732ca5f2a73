import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { createDatabase, engines } from '../support/engines.js';

// Property: two groups that share a scenario, each in a process of its own where nobody sees both, don't skip a message
// for one another in silence. (Within one process it is refused at start: module/conflicts.)

const issue = ({ manager, group }: DeliveryContext, paymentId: string) =>
  manager.insert(CardRow, { paymentId, issuedBy: group });

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', scenario: 'payments' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    await issue(delivery, paymentId);
  }
}

@Injectable()
class Points {
  @IdempotentConsumer(PaymentSucceeded, { group: 'points', scenario: 'payments' })
  async add({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    await issue(delivery, paymentId);
  }
}

describe.each(engines)('two groups that share a scenario in two processes, on %s', (engine) => {
  it('have the message of the second one in the dead letters, with what to do', async () => {
    const database = await createDatabase(engine);
    const parts = { entities: [PaymentTable, CardTable] };
    const cards = await startApp(database, { ...parts, providers: [Cards] });
    const points = await startApp(database, { ...parts, providers: [Points] });
    try {
      await cards.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
      const seen = await Promise.race([cards.events('dead-lettered'), points.events('dead-lettered')]);
      expect(seen).toMatchObject([{ reason: 'rejected', bizId: 'P-1' }]);
      expect(seen[0]!.error).toContain('Give each group a scenario of its own');
      const issued = await cards.dataSource.getRepository(CardRow).find();
      expect(issued).toHaveLength(1);
      expect([issued[0]!.issuedBy, seen[0]!.group].sort()).toEqual(['cards', 'points']);
    } finally {
      await points.close();
      await cards.close();
      await database.drop();
    }
  });
});
