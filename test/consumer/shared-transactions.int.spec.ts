import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import type { EntityManager } from 'typeorm';
import {
  type DeliveryContext,
  IdempotentConsumer,
  RejectMessageError,
  outsideTransaction,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

// Property: deliveries that share a transaction take effect once each, whatever happens to one of them.

const IDS = Array.from({ length: 12 }, (_, i) => `P-${i}`);
const FIRST = 'P-first';

type Deed = (payment: Payment, delivery: DeliveryContext) => Promise<void>;

@Injectable()
class Cards {
  static calls: { id: string; manager: EntityManager }[];
  static afterwards: Deed;

  @IdempotentConsumer(PaymentSucceeded, {
    group: 'cards',
    perTransaction: 50,
    concurrency: 1,
    fingerprint: true,
  })
  async issue(paid: Payment, delivery: DeliveryContext): Promise<void> {
    const { manager, group } = delivery;
    Cards.calls.push({ id: paid.paymentId, manager });
    await manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: group });
    await Cards.afterwards(paid, delivery);
  }
}

describe.each(engines)('deliveries that share a transaction on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    Cards.calls = [];
    Cards.afterwards = async () => undefined;
    database = await createDatabase(engine);
    app = await startApp(database, { entities: [CardTable], providers: [Cards] });
    // Nothing is hoarded before a handler has shown that it is fast.
    await publish([FIRST]);
    await app.events('acknowledged');
    Cards.calls = [];
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const publish = (those: string[]) =>
    app.outbox.publishAll(
      PaymentSucceeded,
      those.map((id) => payment(id)),
      { standalone: true },
    );
  const cards = async () =>
    (await app.dataSource.getRepository(CardRow).find()).map(({ paymentId }) => paymentId).sort();
  const each = [...IDS, FIRST].sort();
  const seen = (type: string) =>
    app.seen.flatMap((event) => (event.type === type && 'bizId' in event ? [event.bizId] : []));
  const calls = (id: string) => Cards.calls.filter((call) => call.id === id).length;
  const allAcknowledged = () => app.events('acknowledged', IDS.length + 1);
  const transactions = () => new Set(Cards.calls.map(({ manager }) => manager)).size;
  /** What is done for one of them, the first time. */
  const once = (id: string, deed: Deed): void => {
    let done = false;
    Cards.afterwards = async (paid, delivery) => {
      if (done || paid.paymentId !== id) return;
      done = true;
      await deed(paid, delivery);
    };
  };

  it('are handled one after the other, each once', async () => {
    await publish(IDS);
    await allAcknowledged();
    expect(Cards.calls.map(({ id }) => id)).toEqual(IDS);
    expect(transactions()).toBe(1);
    expect(await cards()).toEqual(each);
    expect(seen('delivered').sort()).toEqual(each);
  });

  it('are run alone where one fails, which costs that one an attempt and the others nothing', async () => {
    once('P-5', async () => {
      throw new Error('no ink');
    });
    await publish(IDS);
    await allAcknowledged();
    expect(await cards()).toEqual(each);
    expect([calls('P-4'), calls('P-5'), calls('P-6')]).toEqual([2, 2, 1]);
    expect(seen('delivered').sort()).toEqual(each);
    expect(seen('retry-scheduled')).toEqual([]);
  });

  it('are run alone where one fails again: it is tried later, and has a transaction of its own', async () => {
    let failures = 0;
    Cards.afterwards = async ({ paymentId }) => {
      if (paymentId === 'P-5' && failures++ < 3) throw new Error('no ink');
    };
    await publish(IDS);
    await allAcknowledged();
    expect(await cards()).toEqual(each);
    expect(seen('retry-scheduled')).toEqual(['P-5', 'P-5']);
    expect(calls('P-5')).toBe(4);
  });

  it('lose one of them that is rejected, and no other', async () => {
    Cards.afterwards = async ({ paymentId }) => {
      if (paymentId === 'P-7') throw new RejectMessageError('not ours');
    };
    await publish(IDS);
    await app.events('dead-lettered');
    await app.events('acknowledged', IDS.length);
    expect(await cards()).toEqual(each.filter((id) => id !== 'P-7'));
  });

  it('leave repeats to themselves: of what took effect before, and of one another', async () => {
    await publish([...IDS.slice(0, 6), FIRST, 'P-3', ...IDS.slice(6)]);
    await allAcknowledged();
    await app.events('duplicate-absorbed', 2);
    expect(await cards()).toEqual(each);
    expect(seen('duplicate-absorbed').sort()).toEqual(['P-3', FIRST]);
    expect(transactions()).toBe(1);
  });

  it('leave what is no repeat to itself: its dead letter says so', async () => {
    await app.outbox.publishAll(
      PaymentSucceeded,
      [...IDS.map((id) => payment(id)), { ...payment(FIRST), amount: 1 }],
      { standalone: true },
    );
    await allAcknowledged();
    await app.events('dead-lettered', 1, ({ reason }) => reason === 'biz-id-conflict');
    expect(await cards()).toEqual(each);
  });

  it('take no statement of one that has returned while the next one is handled', async () => {
    let goOn = () => undefined as void;
    const later = new Promise<void>((resolve) => (goOn = resolve));
    let isFirst = true;
    Cards.afterwards = async ({ paymentId }, { manager }) => {
      if (!isFirst) return;
      if (paymentId === 'P-2')
        void later.then(() => manager.insert(CardRow, { paymentId: 'late', issuedBy: 'P-2' }));
      if (paymentId !== 'P-3') return;
      isFirst = false;
      goOn();
      await later;
    };
    await publish(IDS);
    await allAcknowledged();
    expect(await cards()).toEqual(each);
    expect(calls('P-2')).toBe(2);
  });

  it('are run alone where one takes too long, which has failed then', async () => {
    await app.close();
    app = await startApp(database, {
      entities: [CardTable],
      providers: [Cards],
      options: { consumers: { timeoutMs: 500 } },
    });
    await publish(['P-second']);
    await app.events('acknowledged');
    once('P-9', () => new Promise(() => undefined));
    await publish(IDS);
    await allAcknowledged();
    expect(await cards()).toEqual([...each, 'P-second'].sort());
    expect(seen('retry-scheduled')).toEqual(['P-9']);
    expect(calls('P-9')).toBe(2);
  });

  // There a statement is done before anybody could wait for it.
  if (engine === 'sqlite') return;

  it('are run alone where one does not wait for its statement', async () => {
    once('P-2', async (_, { manager }) => {
      void manager.insert(CardRow, { paymentId: 'unawaited', issuedBy: 'P-2' });
    });
    await publish(IDS);
    await allAcknowledged();
    expect(await cards()).toEqual(each);
  });

  it('take no effect where the lease of one is lost, which somebody else has then', async () => {
    const steal = async () => {
      const [delivery] = await app.brokerDataSource.query<{ seq: number }[]>(
        "SELECT d.seq FROM mq_delivery d JOIN mq_message m ON m.seq = d.seq WHERE m.biz_id = 'P-8'",
      );
      const values = [randomBytes(16), delivery!.seq];
      await app.brokerDataSource.query('UPDATE mq_delivery SET token = ? WHERE seq = ?', values);
    };
    once('P-8', () => outsideTransaction(steal));
    await publish(IDS);
    if (app.isApart) {
      await app.events('ack-lost');
      expect(await cards()).toEqual(each);
    } else {
      await app.events('lease-lost');
      await app.events('acknowledged', IDS.length);
      expect(await cards()).toEqual(each.filter((id) => id !== 'P-8'));
    }
  });

  // There COMMIT is refused.
  if (engine === 'postgres') return;

  it('keep their effects, or are run alone, where one has committed by itself and failed: nobody knows of that one', async () => {
    once('P-4', async (_, { manager }) => {
      await manager.query('COMMIT');
      throw new Error('in the middle');
    });
    await publish(IDS);
    const [letter] = await app.events('dead-lettered');
    expect(letter).toMatchObject({ bizId: 'P-4', reason: 'torn' });
    await app.events('acknowledged', IDS.length);
    expect(await cards()).toEqual(each);
    expect([calls('P-3'), calls('P-4'), calls('P-5')]).toEqual([1, 1, 1]);
  });

  it('are run alone where one before them has ended the transaction, and so nobody is torn for another one', async () => {
    once('P-4', async (_, { manager }) => void (await manager.query('COMMIT')));
    await publish(IDS);
    await allAcknowledged();
    expect(seen('dead-lettered')).toEqual([]);
    expect(await cards()).toEqual(each);
    // Those from P-5 on.
    expect(transactions()).toBe(1 + IDS.length - 5);
  });

  it('are not torn where one calls a procedure that commits unseen and writes on, and then fails: that one is', async () => {
    await app.dataSource.query(
      "CREATE PROCEDURE commit_and_write() BEGIN COMMIT; INSERT INTO card (paymentId, issuedBy) VALUES ('unseen', 'cards'); END",
    );
    once('P-4', async (_, { manager }) => {
      await manager.query('CALL commit_and_write()');
      throw new Error('in the middle');
    });
    await publish(IDS);
    await app.events('acknowledged', IDS.length);
    await app.events('dead-lettered');
    expect(seen('dead-lettered')).toEqual(['P-4']);
    expect(await cards()).toEqual(each);
    expect([calls('P-3'), calls('P-4'), calls('P-5')]).toEqual([1, 1, 1]);
  });

  it('are run alone after one that calls a procedure, which may have ended the transaction unseen', async () => {
    await app.dataSource.query('CREATE PROCEDURE nothing() BEGIN DO 1; END');
    once('P-4', async (_, { manager }) => void (await manager.query('CALL nothing()')));
    await publish(IDS);
    await allAcknowledged();
    expect(await cards()).toEqual(each);
    expect(transactions()).toBe(1 + IDS.length - 5);
  });

  it('are run alone where one before them has rolled the transaction back', async () => {
    once('P-4', async (_, { manager }) => void (await manager.query('ROLLBACK')));
    await publish(IDS);
    await allAcknowledged();
    expect(seen('dead-lettered')).toEqual([]);
    expect(await cards()).toEqual(each);
    expect([calls('P-3'), calls('P-4'), calls('P-5')]).toEqual([2, 2, 1]);
  });
});
