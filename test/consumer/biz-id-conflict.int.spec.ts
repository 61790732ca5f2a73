import { Injectable } from '@nestjs/common';
import {
  type DeliveryContext,
  IdempotentConsumer,
  IdempotentExecutor,
  defineTopic,
} from '../../src/index.js';
import { fingerprintOf } from '../../src/topic/index.js';
import { type AppParts, type TestApp, startApp } from '../support/app.js';
import {
  CardRow,
  CardTable,
  type Payment,
  PaymentSucceeded,
  PaymentTable,
  payment,
} from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { logLines } from '../support/log-lines.js';

// Property: where a consumer asks for it, a second body under a biz-id that took effect is never taken for a repeat, and a
// repeat is never taken for a second body.

const issue = ({ manager, group }: DeliveryContext, { paymentId }: Payment) =>
  manager.insert(CardRow, { paymentId, issuedBy: group });

const PaymentRefunded = defineTopic<Payment & { reason: string }>({
  name: 'payment.refunded',
  bizId: ({ paymentId }) => paymentId,
});

/** A publisher of another release writes its keys in another order. */
const backwards = ({ paymentId, userId, amount }: Payment): Payment => ({ amount, userId, paymentId });

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', fingerprint: true })
  async issue(paid: Payment, delivery: DeliveryContext): Promise<void> {
    await issue(delivery, paid);
  }
}

@Injectable()
class CardsThatTrust {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue(paid: Payment, delivery: DeliveryContext): Promise<void> {
    await issue(delivery, paid);
  }
}

@Injectable()
class Accounts {
  @IdempotentConsumer(PaymentSucceeded, { group: 'accounts', scenario: 'payments', fingerprint: true })
  @IdempotentConsumer(PaymentRefunded, { group: 'accounts', scenario: 'payments', fingerprint: true })
  async book(paid: Payment, delivery: DeliveryContext): Promise<void> {
    await issue(delivery, paid);
  }
}

const back = { group: 'accounts', scenario: 'payments', fingerprint: true, subscriptionVersion: 2 };

@Injectable()
class AccountsBack {
  @IdempotentConsumer(PaymentSucceeded, back)
  async book(paid: Payment, delivery: DeliveryContext): Promise<void> {
    await issue(delivery, paid);
  }
}

const SHAPES = ['one database', 'a broker apart'] as const;
const cases = engines.flatMap((engine) => SHAPES.map((shape) => [engine, shape] as const));

describe.each(cases)('one biz-id with two bodies, on %s with %s,', (engine, shape) => {
  let database: TestDatabase;
  let broker: TestDatabase | undefined;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    broker = shape === 'one database' ? undefined : await createDatabase(engine);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app.close();
    await database.drop();
    await broker?.drop();
  });

  const start = async (provider: NonNullable<AppParts['providers']>[0], consumers = {}): Promise<TestApp> => {
    const options = { consumers: { pollMs: 20, ...consumers } };
    return (app = await startApp(database, {
      entities: [PaymentTable, CardTable],
      providers: [provider],
      options: broker ? { ...options, broker: { dataSource: broker.options } } : options,
    }));
  };
  const publish = (paid: Payment) => app.outbox.publish(PaymentSucceeded, paid, { standalone: true });
  const cards = () => app.dataSource.getRepository(CardRow).count();
  const types = (type: string) => app.seen.filter((event) => event.type === type).length;

  it('has the second one in the dead letters, with both fingerprints and when the first took effect', async () => {
    const log = logLines();
    await start(Cards);
    const before = Date.now();
    await publish(payment('P-1'));
    await app.events('acknowledged');
    const other = { ...payment('P-1'), amount: 700 };
    await publish(other);
    const [conflict] = await app.events('biz-id-conflict');
    const [letter] = await app.broker.deadLetters.list();
    const [known, came] = [payment('P-1'), other].map((body) => fingerprintOf(body).toString('hex'));
    expect(conflict).toEqual({
      type: 'biz-id-conflict',
      topic: PaymentSucceeded.name,
      group: 'cards',
      bizId: 'P-1',
      scenario: expect.stringContaining('cards'),
      fingerprint: came,
      knownFingerprint: known,
      tookEffectAt: expect.any(Date),
    });
    expect(Math.abs(conflict!.tookEffectAt.getTime() - before)).toBeLessThan(60_000);
    expect(letter).toMatchObject({ reason: 'biz-id-conflict', bizId: 'P-1', failures: 0 });
    const { error } = letter!.errors.at(-1)!;
    for (const part of [came, known, conflict!.tookEffectAt.toISOString(), 'biz-id of its own'])
      expect(error).toContain(part);
    expect(log.filter((line) => line.startsWith('error: Dead letter (biz-id-conflict): P-1'))).toHaveLength(
      1,
    );
    expect(await cards()).toBe(1);
  });

  it('meets the same when the dead letter is requeued, and nothing when it is purged', async () => {
    await start(Cards);
    await publish(payment('P-1'));
    await app.events('acknowledged');
    await publish({ ...payment('P-1'), userId: 'u2' });
    await app.events('dead-lettered');
    expect(await app.broker.deadLetters.requeue({ group: 'cards', reason: 'biz-id-conflict' })).toBe(1);
    expect(await app.events('dead-lettered', 2)).toMatchObject([
      { reason: 'biz-id-conflict' },
      { reason: 'biz-id-conflict' },
    ]);
    expect(await app.broker.deadLetters.purge({ group: 'cards', reason: 'biz-id-conflict' })).toBe(1);
    expect(await cards()).toBe(1);
  });

  it('is no conflict where the second says the same in another order', async () => {
    await start(Cards);
    await publish(payment('P-1'));
    await app.events('acknowledged');
    await publish(backwards(payment('P-1')));
    await app.events('duplicate-absorbed');
    expect(types('biz-id-conflict')).toBe(0);
  });

  it('is a conflict also where both are under way at the same time, and one card comes of it', async () => {
    await start(Cards, { concurrency: 8 });
    const amounts = Array.from({ length: 8 }, (_, i) => ({ ...payment('P-1'), amount: i }));
    await app.outbox.publishAll(PaymentSucceeded, amounts, { standalone: true });
    await app.events('biz-id-conflict', 7);
    expect([await cards(), types('acknowledged'), types('duplicate-absorbed')]).toEqual([1, 1, 0]);
  });

  it('is no conflict where it is the very same message again, whatever its row says', async () => {
    await start(Cards);
    await app.broker.subscribe({ topic: PaymentSucceeded.name, group: 'keeps-the-message', version: 1 });
    await publish(payment('P-1'));
    await app.events('acknowledged');
    await app.dataSource.query(`UPDATE mq_dedup SET fingerprint = x'${'00'.repeat(16)}', result = ?`, [
      Buffer.alloc(0),
    ]);
    // As after an ACK that got lost.
    await (
      await brokerDataSource()
    ).query(
      `INSERT INTO mq_delivery (subscription_id, seq)
       SELECT s.id, m.seq FROM mq_subscription s, mq_message m WHERE s.group_name = ?`,
      [Buffer.from('cards')],
    );
    await app.events('duplicate-absorbed');
    expect(types('biz-id-conflict')).toBe(0);
    // And another message does meet that row.
    await publish(payment('P-1'));
    await app.events('biz-id-conflict');
  });

  it('is a repeat where nobody has asked, as it was before there were fingerprints', async () => {
    await start(CardsThatTrust);
    await publish(payment('P-1'));
    await app.events('acknowledged');
    await publish({ ...payment('P-1'), amount: 700 });
    await app.events('duplicate-absorbed');
    expect(await app.dataSource.query('SELECT fingerprint FROM mq_dedup')).toEqual([{ fingerprint: null }]);
    expect(await cards()).toBe(1);
  });

  it('is a repeat where the first took effect before the consumer asked', async () => {
    await start(CardsThatTrust);
    await publish(payment('P-1'));
    await app.events('acknowledged');
    await app.close();
    await start(Cards);
    await publish({ ...payment('P-1'), amount: 700 });
    await app.events('duplicate-absorbed');
    await publish(payment('P-2'));
    await app.events('acknowledged');
    await publish({ ...payment('P-2'), amount: 700 });
    await app.events('biz-id-conflict');
    expect(await cards()).toBe(2);
  });

  it('is a conflict where all consumers were set to ask, and the consumer says nothing', async () => {
    await start(CardsThatTrust, { fingerprint: true });
    await publish(payment('P-1'));
    await app.events('acknowledged');
    await publish({ ...payment('P-1'), amount: 700 });
    await app.events('biz-id-conflict');
  });

  it('is told among the messages of one topic, where topics share a scenario', async () => {
    await start(Accounts);
    await publish(payment('P-1'));
    await app.events('acknowledged');
    const refund = { ...payment('P-1'), reason: 'late' };
    await app.outbox.publish(PaymentRefunded, refund, { standalone: true });
    await app.events('duplicate-absorbed');
    await publish({ ...payment('P-1'), amount: 700 });
    await app.events('biz-id-conflict', 1, ({ topic }) => topic === PaymentSucceeded.name);
    expect([await cards(), types('biz-id-conflict')]).toEqual([1, 1]);
  });

  it('is a conflict where topics share a scenario, also after the group was removed and came back', async () => {
    await start(Accounts);
    await publish(payment('P-1'));
    await app.events('acknowledged');
    await app.broker.removeSubscription({ topic: PaymentSucceeded.name, group: 'accounts', version: 1 });
    await app.close();
    await start(AccountsBack);
    await publish({ ...payment('P-1'), amount: 700 });
    await app.events('biz-id-conflict');
    expect(await cards()).toBe(1);
  });

  it('is a repeat for a consumer that shares its scenario with an executor, whose fingerprints are its own', async () => {
    await start(Accounts);
    const once = app.nest.get(IdempotentExecutor);
    await once.run({ scenario: 'payments', bizId: 'P-1' }, async () => 1, { fingerprint: 'of a webhook' });
    await publish(payment('P-1'));
    await app.events('duplicate-absorbed');
    await publish(payment('P-2'));
    await app.events('acknowledged');
    const run = once.run({ scenario: 'payments', bizId: 'P-2' }, async () => 1, { fingerprint: 'other' });
    expect(await run).toEqual({ executed: false, result: undefined });
    expect(types('biz-id-conflict')).toBe(0);
  });

  let looking: TestApp | undefined;
  afterEach(async () => {
    await looking?.close();
    looking = undefined;
  });

  /** Where the broker's tables are. */
  async function brokerDataSource() {
    if (!broker) return app.brokerDataSource;
    looking = await startApp(broker, { options: { roles: { sweep: false, consume: false } } });
    return looking.dataSource;
  }
});
