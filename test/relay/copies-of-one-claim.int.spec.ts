import { Injectable } from '@nestjs/common';
import { type DeliveryContext, IdempotentConsumer } from '../../src/index.js';
import type { TestApp } from '../support/app.js';
import {
  CardRow,
  CardTable,
  type Payment,
  PaymentSucceeded,
  PaymentTable,
  payment,
} from '../support/cards.js';
import { describeOnServers } from '../support/hostile.js';
import { until } from '../support/until.js';
import { type TwoDatabases, startApart, twoDatabases } from './support.js';

// Property: copies that came with one claim have one lease token, and still none takes the other's dedup row for its own.

let copies: ((delivery: DeliveryContext) => Promise<void>)[];

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Payment, delivery: DeliveryContext) {
    await copies.shift()?.(delivery);
    await delivery.manager.insert(CardRow, { paymentId, issuedBy: 'cards' });
  }
}

describeOnServers(
  'two copies that come with one claim to a consumer whose broker is apart, on %s:',
  (engine) => {
    let databases: TwoDatabases;
    let app: TestApp;

    beforeAll(async () => {
      databases = await twoDatabases(engine);
      app = await startApart(databases, {
        entities: [PaymentTable, CardTable],
        providers: [Cards],
        options: { consumers: { retry: { attempts: 1 } } },
      });
    });

    afterAll(async () => {
      await app?.close();
      await databases?.drop();
    });

    it('the one that rolls back, and writes on when the other has had its effect, has none', async () => {
      const ended = () =>
        app.seen.filter(({ type }) => type === 'acknowledged' || type === 'dead-lettered').length;
      copies = [
        async ({ manager }) => {
          // From here on the other one, which has waited for this one's dedup row, has its own.
          await manager.query('ROLLBACK');
          await until('the other copy is done', () => ended() === 1);
        },
      ];
      await app.outbox.publishAll(PaymentSucceeded, [payment('P-1'), payment('P-1')], { standalone: true });
      await until('both are done', () => ended() === 2);
      expect(await app.dataSource.getRepository(CardRow).count()).toBe(1);
      expect(app.seen.map(({ type }) => type)).toContain('dead-lettered');
    });
  },
);
