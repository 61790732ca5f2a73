import { Injectable } from '@nestjs/common';
import { InjectDataSource } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { AtLeastOnceConsumer, AtLeastOnceDelivery, type PayloadOf } from '../../src/index.js';
import * as statements from '../../src/storage/statements/index.js';
import { MINUTE_MS, claimAlone, subscribe } from '../support/broker.js';
import { CardRow, PaymentSucceeded } from '../support/cards.js';
import { letPass } from '../support/tables.js';
import { describeBrokenVariant } from './broken-variant.js';
import { Issuing, type Shop } from './shop.js';

jest.mock('../../src/storage/statements/index.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../src/storage/statements/index.js'),
}));

/** Without a dedup row, so that nothing but the fence keeps two holders apart. */
@Injectable()
class FencedCardIssuing extends Issuing {
  constructor(@InjectDataSource() private readonly dataSource: DataSource) {
    super();
  }

  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: AtLeastOnceDelivery) {
    await this.first(++this.runs);
    await this.dataSource.getRepository(CardRow).insert({ paymentId, issuedBy: delivery.group });
    return delivery.ack();
  }
}

describeBrokenVariant('unfenced ACKs', {
  story: 'a holder that fails after another has taken over from it',
  issuing: FencedCardIssuing,

  async play(shop) {
    const { app } = shop;
    let wakeUp!: () => void;
    const stalled = new Promise<void>((resolve) => (wakeUp = resolve));
    shop.issuing.first = async (run) => {
      if (run > 1) return;
      await stalled;
      throw new Error('the card printer is out of paper');
    };
    await shop.pay('P-1');
    await app.events('delivered');
    const rescuer = await takeOver(shop);
    await app.dataSource.getRepository(CardRow).insert({ paymentId: 'P-1', issuedBy: 'card-issuing' });
    wakeUp();
    // Either it is told that it has no say any more, or it has sent the delivery round again.
    await Promise.race([app.events('lease-lost'), app.events('delivered', 2)]);
    await app.broker.acknowledge(rescuer);
  },

  breakIt() {
    const actual = jest.requireActual<typeof statements>('../../src/storage/statements/index.js');
    for (const name of ['acknowledge', 'lockHeld'] as const) {
      jest
        .spyOn(statements, name)
        .mockImplementation((database, on, held) => actual[name](database, unfenced(on), held));
    }
  },

  damage: () => ({ doubled: 1 }),
});

/** Another process finds the lease run out. */
async function takeOver({ app }: Shop) {
  const subscription = await subscribe(app, 'card-issuing', PaymentSucceeded.name);
  const [{ seq }] = await app.dataSource.query('SELECT seq FROM mq_delivery');
  await letPass(app.dataSource, MINUTE_MS);
  return (await claimAlone(app, subscription, Number(seq)))!;
}

type Connection = Parameters<typeof statements.acknowledge>[1];

/** The token is the last parameter of the statements that it fences. */
function unfenced(on: Connection): Connection {
  const fence = / AND token = (\?|\$\d+)/;
  return {
    ...(on.dataSource && { dataSource: on.dataSource }),
    query: (sql, parameters, structured) => {
      expect(sql).toMatch(fence);
      return on.query(sql.replace(fence, ''), parameters.slice(0, -1), structured);
    },
  };
}
