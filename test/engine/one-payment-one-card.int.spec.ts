import { Injectable } from '@nestjs/common';
import {
  type AtLeastOnceDelivery,
  AtLeastOnceConsumer,
  DeliveryContext,
  IdempotentConsumer,
  type PayloadOf,
  RejectMessageError,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { type TestEngine, describeEachInPlace } from '../support/engines-in-place.js';
import { countRows, outboxSize } from '../support/tables.js';

// Property: with an engine in the broker's place, publishers, handlers and what they may rely on are the same.

let failuresLeft: number;
let texts: string[];

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: delivery.group });
    if (paid.amount < 0) throw new RejectMessageError('no card for a debt');
    if (failuresLeft-- > 0) throw new Error('the printer is out of ink');
  }
}

@Injectable()
class Texting {
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'sms' })
  async text(paid: PayloadOf<typeof PaymentSucceeded>, delivery: AtLeastOnceDelivery) {
    texts.push(`${paid.paymentId} ${delivery.headers.get('lang') ?? ''}`);
    return delivery.ack();
  }
}

describeEachInPlace(
  (name) => `one payment, one card, over ${name}`,
  (create) => {
    describe.each(engines)('on %s', (engine) => {
      let database: TestDatabase;
      let inPlace: TestEngine;
      let app: TestApp;

      beforeEach(async () => {
        failuresLeft = 0;
        texts = [];
        database = await createDatabase(engine);
        inPlace = create();
        app = await startApp(database, {
          entities: [CardTable],
          providers: [CardIssuing, Texting],
          options: { broker: inPlace.broker() },
        });
      });

      afterEach(async () => {
        await app.close();
        await inPlace.drop();
        await database.drop();
      });

      const cards = () => app.dataSource.getRepository(CardRow).find();
      const publish = (paymentId: string, options = {}) =>
        app.outbox.publish(PaymentSucceeded, payment(paymentId), { standalone: true, ...options });

      it('each group has the message once, with its headers, and nothing is left', async () => {
        await publish('P-1', { headers: { lang: 'fr' } });
        await app.events('acknowledged', 2);
        expect(await cards()).toEqual([{ id: 1, paymentId: 'P-1', issuedBy: 'card-issuing' }]);
        expect(texts).toEqual(['P-1 fr']);
        expect(await outboxSize(app.dataSource)).toBe(0);
        expect(await countRows(app.dataSource, 'message')).toBe(0);
      });

      it('absorbs a second message of the same payment', async () => {
        for (const _ of [1, 2]) await publish('P-2');
        await app.events('acknowledged', 3);
        await app.events('duplicate-absorbed');
        expect(await cards()).toHaveLength(1);
      });

      it('a failed delivery waits in the database, counts its attempts, and comes again', async () => {
        failuresLeft = 2;
        await publish('P-3');
        const [, second] = await app.events('retry-scheduled', 2);
        expect(second).toMatchObject({ failures: 2, bizId: 'P-3' });
        await app.events('acknowledged', 1, ({ group }) => group === 'card-issuing');
        expect(await cards()).toHaveLength(1);
        await app.events('message-dropped');
        expect(await countRows(app.dataSource, 'message')).toBe(0);
      });

      it('a dead letter is kept in the database, and a requeue goes to its group alone', async () => {
        await app.outbox.publish(PaymentSucceeded, { ...payment('P-4'), amount: -1 }, { standalone: true });
        await app.events('dead-lettered');
        const [letter] = await app.broker.deadLetters.list();
        expect(letter).toMatchObject({ bizId: 'P-4', group: 'card-issuing', reason: 'rejected' });
        expect(await app.broker.deadLetters.requeue(letter!.id)).toBe(1);
        await app.events('dead-lettered', 2);
        expect(texts).toEqual(['P-4 ']);
        expect(await cards()).toEqual([]);
      });

      it('keeps the order of a key', async () => {
        failuresLeft = 1;
        const ids = Array.from({ length: 20 }, (_, i) => `K-${i}`);
        for (const id of ids) await publish(id, { orderingKey: 'account-7' });
        await app.events('acknowledged', 40);
        expect((await cards()).map(({ paymentId }) => paymentId)).toEqual(ids);
        expect(texts).toEqual(ids.map((id) => `${id} `));
      });
    });
  },
);
