import { Injectable } from '@nestjs/common';
import { type DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import { type TestApp } from '../support/app.js';
import {
  CardRow,
  CardTable,
  type Payment,
  PaymentSucceeded,
  PaymentTable,
  payment,
} from '../support/cards.js';
import { type CommitFault, type FaultProxy, faultProxy } from '../support/fault-proxy.js';
import { describeOnServers } from '../support/hostile.js';
import { until } from '../support/until.js';
import { connect } from './support-connect.js';
import { type TwoDatabases, startApart, twoDatabases } from './support.js';

// Property: where the answer to a COMMIT is lost, of an effect or of a relay, there is one card for each payment, although
// no ACK rides on it.

const COUNT = 9;

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: Payment, { manager, group }: DeliveryContext): Promise<void> {
    await manager.insert(CardRow, { paymentId, issuedBy: group });
  }
}

describeOnServers('a COMMIT in the business whose answer is lost, its broker elsewhere, on %s', (engine) => {
  let databases: TwoDatabases;
  let proxy: FaultProxy;
  let app: TestApp;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
    proxy = await faultProxy(databases.business);
    app = await startApart(
      { business: proxy.database, broker: databases.broker },
      {
        entities: [PaymentTable, CardTable],
        providers: [CardIssuing],
        options: {
          // A swallowed answer is known by the time that it takes.
          statementTimeoutMs: 500,
          consumers: { leaseMs: 3_000, concurrency: 4 },
        },
      },
    );
  });

  afterEach(async () => {
    proxy.decide(() => undefined);
    await app.close();
    await proxy.close();
    await databases.drop();
  });

  it.each(['answer-lost', 'command-lost', 'answer-swallowed'] as CommitFault[])(
    'leaves one card a payment (%s)',
    async (fault) => {
      let seen = 0;
      proxy.decide((wrote) =>
        /INSERT INTO .?card/i.test(wrote) && proxy.faults < COUNT / 3 && seen++ % 3 === 0 ? fault : undefined,
      );
      const ids = Array.from({ length: COUNT }, (_, i) => `P-${i}`);
      await app.outbox.publishAll(PaymentSucceeded, ids.map(payment), { standalone: true });
      await connect(databases.broker, (broker) =>
        until('every delivery is through', async () => {
          const landed = app.seen.filter(({ type }) => type === 'landed').length;
          const rows = await broker.query(
            'SELECT seq FROM mq_delivery UNION ALL SELECT seq FROM mq_waiting UNION ALL SELECT seq FROM mq_dead_letter',
          );
          return landed === COUNT && rows.length === 0;
        }),
      );
      const cards = await app.dataSource.getRepository(CardRow).find();
      expect(cards.map(({ paymentId }) => paymentId).sort()).toEqual(ids);
      expect(app.seen.filter(({ type }) => type === 'commit-unknown')).toHaveLength(proxy.faults);
      expect(proxy.faults).toBeGreaterThanOrEqual(COUNT / 3);
      expect(app.seen.filter(({ type }) => type === 'dead-lettered')).toEqual([]);
    },
  );
});
