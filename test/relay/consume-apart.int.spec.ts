import { Injectable } from '@nestjs/common';
import {
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  BatchContext,
  type DeliveryContext,
  IdempotentConsumer,
  type Lease,
  type Transport,
} from '../../src/index.js';
import type { TestApp } from '../support/app.js';
import {
  CardRow,
  CardTable,
  type Payment,
  PaymentSucceeded,
  PaymentTable,
  payment,
} from '../support/cards.js';
import { engines } from '../support/engines.js';
import { connect } from './support-connect.js';
import { through } from './parts.js';
import { type TwoDatabases, startApart, twoDatabases } from './support.js';

// Property: where the broker has another database, effect and dedup row are one commit, and the ACK follows it: whatever
// becomes of the ACK or the lease, there is one effect.

let handler: (paid: Payment, delivery: DeliveryContext, run: number) => Promise<void>;
let runs: number;

const issue = (paid: Payment, { manager }: DeliveryContext) =>
  manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: 'cards' });

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue(paid: Payment, delivery: DeliveryContext) {
    await handler(paid, delivery, ++runs);
  }
}

@Injectable()
class BatchCards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', batch: { max: 10 } })
  async issue(paid: Payment[], { manager }: BatchContext) {
    runs++;
    const rows = paid.map(({ paymentId }) => ({ paymentId, issuedBy: 'cards' }));
    await manager.insert(CardRow, rows);
  }
}

@Injectable()
class Mails {
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'mails' })
  async mail(_paid: Payment, delivery: AtLeastOnceDelivery) {
    runs++;
    return delivery.ack();
  }
}

describe.each(engines)('a consumer whose broker has another database, on %s,', (engine) => {
  let databases: TwoDatabases;
  let app: TestApp;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
    runs = 0;
    handler = async (paid, delivery) => void (await issue(paid, delivery));
  });

  afterEach(async () => {
    await app.close();
    await databases.drop();
  });

  const start = async (
    acknowledge?: (
      broker: Transport,
      call: number,
      ...args: Parameters<Transport['acknowledge']>
    ) => Promise<boolean>,
    provider: typeof Cards | typeof BatchCards | typeof Mails = Cards,
    leaseMs = 300,
  ) => {
    let calls = 0;
    app = await startApart(databases, {
      entities: [PaymentTable, CardTable],
      providers: [provider],
      options: {
        consumers: { leaseMs, maxLostLeases: 1, retry: { attempts: 2 } },
        shutdownTimeoutMs: 200,
      },
      ...(acknowledge && {
        through: (broker) =>
          through(broker, { acknowledge: (...args) => acknowledge(broker, ++calls, ...args) }),
      }),
    });
  };
  const pay = (paymentId: string) =>
    app.outbox.publish(PaymentSucceeded, payment(paymentId), { standalone: true });
  const cards = () => app.dataSource.getRepository(CardRow).count();
  const types = (type: string) => app.seen.filter((event) => event.type === type).length;
  const dedup = async () => app.dataSource.query('SELECT result FROM mq_dedup');

  it('marks its dedup row as finished with the effect', async () => {
    await start();
    await pay('P-1');
    await app.events('acknowledged');
    expect(await dedup()).toEqual([{ result: Buffer.alloc(0) }]);
    expect(await cards()).toBe(1);
  });

  it('tries an ACK 5 again that was never passed on', async () => {
    await start(async (broker, call, held) => {
      if (call < 3) throw new Error('the network is down');
      return broker.acknowledge(held);
    });
    await pay('P-1');
    await Promise.race([app.events('acknowledged'), app.events('duplicate-absorbed')]);
    expect(await cards()).toBe(1);
    expect(runs).toBe(1);
  });

  it('acknowledges each of a batch after the COMMIT: one whose ACK gets lost comes again, and is absorbed', async () => {
    const lost = async (broker: Transport, call: number, held: Lease) => {
      if (call !== 2) return broker.acknowledge(held);
      // As if the lease had run out: it is somebody else's by now.
      await broker.giveBack(held, 0);
      return false;
    };
    await start(lost, BatchCards, 30_000);
    await app.outbox.publishAll(
      PaymentSucceeded,
      ['P-1', 'P-2', 'P-3'].map((id) => payment(id)),
      { standalone: true },
    );
    await app.events('duplicate-absorbed');
    await app.events('acknowledged', 2);
    expect([await cards(), runs, types('ack-lost')]).toEqual([3, 1, 1]);
    expect(await dedup()).toEqual(Array(3).fill({ result: Buffer.alloc(0) }));
  });

  it('takes an ACK 5 for done that was passed on, although its answer got lost', async () => {
    const acknowledge = async (broker: Transport, call: number, held: Lease) => {
      const acked = await broker.acknowledge(held);
      if (call === 1) throw new Error('the answer got lost');
      return acked;
    };
    // A lease that a busy machine outlasts would bring a redelivery, which is another story.
    await start(acknowledge, Cards, 30_000);
    await pay('P-1');
    await app.events('acknowledged');
    await app.events('message-dropped');
    expect([await cards(), runs, types('duplicate-absorbed')]).toEqual([1, 1, 0]);
  });

  it('absorbs the redelivery of what it had done when its lease was lost meanwhile', async () => {
    await start(async (broker, call, held) => {
      if (call === 1)
        await connect(databases.broker, (there) =>
          there.query('UPDATE mq_delivery SET token = NULL, available_at = 0'),
        );
      return broker.acknowledge(held);
    });
    await pay('P-1');
    await app.events('duplicate-absorbed');
    expect([await cards(), runs]).toEqual([1, 1]);
  });

  it('has a delivery whose ACK never comes through in the dead letters, and a requeue does no harm', async () => {
    let broken = true;
    await start(async (broker, _call, held) => {
      if (broken) throw new Error('the network is down');
      return broker.acknowledge(held);
    });
    await pay('P-1');
    const [letter] = await app.events('dead-lettered');
    expect(letter).toMatchObject({
      reason: 'process-lost',
      error: expect.stringContaining('Outcome unknown'),
    });
    expect(types('ack-lost')).toBeGreaterThan(0);
    broken = false;
    expect(await app.broker.deadLetters.requeue({ group: 'cards' })).toBe(1);
    await app.events('duplicate-absorbed');
    expect([await cards(), runs]).toEqual([1, 1]);
  });

  it('absorbs another message of the same biz-id', async () => {
    await start();
    await pay('P-1');
    await app.events('acknowledged');
    await pay('P-1');
    await app.events('duplicate-absorbed');
    expect([await cards(), runs]).toEqual([1, 1]);
  });

  it('hears of an ACK 5 of an at-least-once consumer that got lost by running it again', async () => {
    await start(async (broker, call, held) => {
      if (call === 1) throw new Error('the network is down');
      return broker.acknowledge(held);
    }, Mails);
    await pay('P-1');
    await app.events('acknowledged');
    expect(runs).toBe(2);
    await connect(databases.broker, async (there) => {
      expect(await there.query('SELECT seq FROM mq_delivery')).toEqual([]);
    });
  });

  it('rolls back with the dedup row what a handler did that threw, and runs it again', async () => {
    handler = async (paid, delivery, run) => {
      await issue(paid, delivery);
      if (run === 1) throw new Error('not yet');
    };
    await start();
    await pay('P-1');
    await app.events('acknowledged');
    expect([await cards(), runs]).toEqual([1, 2]);
  });

  it('has lost no attempt where its lease is over because no renewal gets through: it comes again as one that lost it', async () => {
    handler = async (paid, delivery, run) => {
      await issue(paid, delivery);
      if (run > 1) return;
      await new Promise((resolve) => delivery.signal.addEventListener('abort', resolve));
      delivery.signal.throwIfAborted();
    };
    app = await startApart(databases, {
      entities: [PaymentTable, CardTable],
      providers: [Cards],
      options: { consumers: { leaseMs: 300, retry: { attempts: 1 } }, shutdownTimeoutMs: 200 },
      through: (broker) =>
        through(broker, {
          extend: async () => {
            throw new Error('the network is down');
          },
        }),
    });
    await pay('P-1');
    await app.events('acknowledged');
    expect([await cards(), runs]).toEqual([1, 2]);
    expect([types('lease-lost'), types('dead-lettered')]).toEqual([1, 0]);
  });

  // On SQLite and PostgreSQL DDL commits nothing, and a raw COMMIT is refused.
  if (engine === 'sqlite' || engine === 'postgres') return;

  it('has in the dead letters as torn what committed by itself and threw, and never runs it again', async () => {
    handler = async (paid, delivery) => {
      await issue(paid, delivery);
      await delivery.manager.query('CREATE TABLE torn (id INT PRIMARY KEY)');
      throw new Error('after the DDL');
    };
    await start();
    await pay('P-1');
    expect(await app.events('dead-lettered')).toMatchObject([{ reason: 'torn' }]);
    expect([await cards(), runs]).toEqual([1, 1]);
    expect(await dedup()).toEqual([{ result: Buffer.of(0) }]);
    // A requeue finds the unfinished row of this very delivery.
    await app.broker.deadLetters.requeue({ group: 'cards' });
    expect(await app.events('dead-lettered', 2)).toMatchObject([{ reason: 'torn' }, { reason: 'torn' }]);
    expect([await cards(), runs]).toEqual([1, 1]);
  });

  it('takes effect once where it committed by itself and came to its end', async () => {
    handler = async (paid, delivery) => {
      await issue(paid, delivery);
      await delivery.manager.query('CREATE TABLE torn (id INT PRIMARY KEY)');
    };
    await start();
    await pay('P-1');
    await app.events('acknowledged');
    expect([await cards(), runs, types('dead-lettered')]).toEqual([1, 1, 0]);
    expect(await dedup()).toEqual([{ result: Buffer.alloc(0) }]);
  });
});
