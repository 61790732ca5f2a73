import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import * as statements from '../../src/storage/statements/index.js';
import { CardRow, PaymentSucceeded } from '../support/cards.js';
import { Meeting, describeBrokenVariant } from './broken-variant.js';
import { Issuing } from './shop.js';

jest.mock('../../src/storage/statements/index.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../src/storage/statements/index.js'),
}));

@Injectable()
class TwoGroups extends Issuing {
  private inside = 0;
  /** How many handlers were in their transactions at the same time. */
  mostInside = 0;

  @IdempotentConsumer(PaymentSucceeded, { group: 'plastic' })
  async print(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await this.issue(paid.paymentId, delivery);
  }

  @IdempotentConsumer(PaymentSucceeded, { group: 'wallet' })
  async add(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await this.issue(paid.paymentId, delivery);
  }

  private async issue(paymentId: string, { manager, group }: DeliveryContext) {
    this.mostInside = Math.max(this.mostInside, ++this.inside);
    await this.first(++this.runs);
    await manager.insert(CardRow, { paymentId, issuedBy: group });
    this.inside--;
  }
}

describeBrokenVariant('the message deleted in the transaction of the ACK', {
  story: 'the last two ACKs of a message at the same moment',
  issuing: TwoGroups,
  groups: ['plastic', 'wallet'],

  async play(shop) {
    const issuing = shop.issuing as TwoGroups;
    const bothInside = new Meeting(shop.engine === 'sqlite' ? 1 : 2);
    issuing.first = async () => {
      await shop.app.events('delivered', 2);
      await bothInside.arrive();
    };
    await shop.pay('P-1');
    await shop.app.events('acknowledged', 2);
    // SQLite has one writer at a time, so there the second ACK sees what the first has done.
    expect(issuing.mostInside).toBe(shop.engine === 'sqlite' ? 1 : 2);
  },

  breakIt({ engine }) {
    const { acknowledgeWithEffect, findUnneeded } = jest.requireActual<typeof statements>(
      '../../src/storage/statements/index.js',
    );
    const bothAcked = new Meeting(engine === 'sqlite' ? 1 : 2);
    // Whoever commits before the other one looks is seen by it.
    const bothLooked = new Meeting(engine === 'sqlite' ? 1 : 2);
    jest.spyOn(statements, 'acknowledgeWithEffect').mockImplementation(async (database, on, held, dedup) => {
      const acked = await acknowledgeWithEffect(database, on, held, dedup);
      await bothAcked.arrive();
      const unneeded = await findUnneeded(database, on, [held.seq]);
      await bothLooked.arrive();
      if (unneeded.length > 0) await statements.deleteMessages(database, on, unneeded);
      return acked;
    });
    // Nobody comes by afterwards.
    jest.spyOn(statements, 'findUnneeded').mockResolvedValue([]);
  },

  damage: (engine) => (engine === 'sqlite' ? {} : { orphaned: 1 }),
});
