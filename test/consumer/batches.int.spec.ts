import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { BatchContext, IdempotentConsumer, outsideTransaction } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows } from '../support/tables.js';
import { until } from '../support/until.js';

// Property: a handler of batches has one transaction for all of a batch, and each message takes effect once, whatever
// becomes of the others.

const IDS = Array.from({ length: 12 }, (_, i) => `P-${String(i).padStart(2, '0')}`);
const FIVE = 'P-05';

type Deed = (paid: Payment[], batch: BatchContext<Payment>) => Promise<void>;

/** What each call got. */
let calls: string[][];
let attempts: Record<string, number>;
let deed: Deed;

const idsOf = (paid: readonly Payment[]) => paid.map(({ paymentId }) => paymentId);

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', concurrency: 1, batch: { max: 50 } })
  async issue(paid: Payment[], batch: BatchContext<Payment>): Promise<void> {
    calls.push(idsOf(paid));
    for (const { bizId, attempt } of batch.deliveries) attempts[bizId] = attempt;
    const rows = paid.map(({ paymentId }) => ({ paymentId, issuedBy: batch.group }));
    await batch.manager.insert(CardRow, rows);
    await deed(paid, batch);
  }
}

@Injectable()
class FewCards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', concurrency: 1, batch: { max: 5 } })
  async issue(paid: Payment[], batch: BatchContext): Promise<void> {
    calls.push(idsOf(paid));
    await deed(paid, batch as BatchContext<Payment>);
  }
}

@Injectable()
class PatientCards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', batch: { max: 3, waitMs: 60_000 } })
  issue(paid: Payment[]) {
    calls.push(idsOf(paid));
  }
}

@Injectable()
class HastyCards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', batch: { max: 3, waitMs: 50 } })
  issue(paid: Payment[]) {
    calls.push(idsOf(paid));
  }
}

const SIGNALLED = "SIGNAL SQLSTATE '40001' SET MYSQL_ERRNO = 1213, MESSAGE_TEXT = 'deadlock'";
const DEADLOCK: Record<string, string> = {
  mariadb: SIGNALLED,
  mysql: SIGNALLED,
  postgres: "DO $$ BEGIN RAISE SQLSTATE '40P01'; END $$",
};

describe.each(engines)('a batch on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    calls = [];
    attempts = {};
    deed = async () => undefined;
    database = await createDatabase(engine);
    app = await start(Cards);
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const start = (provider: new () => object, consumers = {}, shutdownTimeoutMs = 2_000) =>
    startApp(database, {
      entities: [CardTable],
      providers: [provider],
      options: { consumers, shutdownTimeoutMs },
    });
  const restart = async (...how: Parameters<typeof start>) => {
    await app.close();
    app = await start(...how);
  };
  const publish = (those: readonly string[]) =>
    app.outbox.publishAll(
      PaymentSucceeded,
      those.map((id) => payment(id)),
      { standalone: true },
    );
  const cards = async () =>
    (await app.dataSource.getRepository(CardRow).find()).map(({ paymentId }) => paymentId).sort();
  const seen = (type: string) =>
    app.seen.flatMap((event) => (event.type === type && 'bizId' in event ? [event.bizId] : [])).sort();
  const acknowledged = (count = IDS.length) => app.events('acknowledged', count);
  const without = (...those: string[]) => IDS.filter((id) => !those.includes(id));
  const rows = async (table: 'delivery' | 'message', where: string, count: number) =>
    (await countRows(app.brokerDataSource, table, where)) === count;
  const sizes = () => calls.map(({ length }) => length);

  it('comes as an array, in one transaction', async () => {
    let manager: unknown;
    deed = async (paid, batch) => {
      manager = batch.manager;
      expect(batch.deliveries.map(({ payload }) => payload)).toEqual(paid);
      expect(batch.deliveries.map(({ bizId }) => bizId)).toEqual(IDS);
      expect(batch.payloadsOf(PaymentSucceeded)).toEqual(paid);
      expect([batch.topic, batch.group, batch.signal.aborted]).toEqual(['payment.succeeded', 'cards', false]);
      expect(await batch.manager.count(CardRow)).toBe(IDS.length);
    };
    await publish(IDS);
    await acknowledged();
    expect(calls).toEqual([IDS]);
    expect(manager).toBeDefined();
    expect(await cards()).toEqual(IDS);
    expect(seen('delivered')).toEqual(IDS);
  });

  it('has one message where no more are there', async () => {
    await publish(['P-1']);
    await acknowledged(1);
    expect([calls, await cards()]).toEqual([[['P-1']], ['P-1']]);
  });

  it('has no biz-id twice, and none that took effect before', async () => {
    await publish([FIVE]);
    await acknowledged(1);
    await publish([...IDS.slice(0, 8), 'P-03', ...IDS.slice(8)]);
    await acknowledged();
    await app.events('duplicate-absorbed', 2);
    expect(calls).toEqual([[FIVE], without(FIVE)]);
    expect(await cards()).toEqual(IDS);
  });

  it('has no more than max', async () => {
    await restart(FewCards);
    await publish(IDS);
    await acknowledged();
    expect(calls).toEqual([IDS.slice(0, 5), IDS.slice(5, 10), IDS.slice(10)]);
  });

  it('is waited for no longer than until there are max', async () => {
    await restart(PatientCards);
    for (const id of ['P-1', 'P-2', 'P-3']) await publish([id]);
    await acknowledged(3);
    expect(calls).toEqual([['P-1', 'P-2', 'P-3']]);
  });

  it('is waited for no longer than waitMs', async () => {
    await restart(HastyCards);
    await publish(['P-1']);
    await acknowledged(1);
    expect(calls).toEqual([['P-1']]);
  });

  it('that is still waited for is given back at a shutdown, and costs nobody an attempt', async () => {
    await restart(PatientCards);
    await publish(['P-1']);
    await until('it is claimed', () => rows('delivery', 'token IS NOT NULL', 1));
    await restart(Cards);
    await acknowledged(1);
    expect([calls, attempts]).toEqual([[['P-1']], { 'P-1': 1 }]);
  });

  it('that fails is run again in halves, until the one that fails is alone: that one alone has failed', async () => {
    let healed = false;
    deed = async (paid) => {
      if (!healed && idsOf(paid).includes(FIVE)) throw new Error('no ink');
    };
    await publish(IDS);
    await app.events('retry-scheduled');
    await acknowledged(IDS.length - 1);
    expect(await cards()).toEqual(without(FIVE));
    healed = true;
    await acknowledged();
    expect(await cards()).toEqual(IDS);
    // 12, 6, 3, 3: with twelve there are no more than four levels.
    expect(calls[0]).toEqual(IDS);
    expect(calls[1]).toEqual(IDS.slice(0, 6));
    expect(calls).toContainEqual(IDS.slice(6));
    expect(calls.at(-1)).toEqual([FIVE]);
    expect(new Set(seen('retry-scheduled'))).toEqual(new Set([FIVE]));
    expect(attempts[FIVE]).toBeGreaterThan(1);
    expect(Object.values({ ...attempts, [FIVE]: 1 }).every((attempt) => attempt === 1)).toBe(true);
    expect(seen('delivered').filter((id) => id !== FIVE)).toEqual(without(FIVE));
  });

  it('that fails as a whole costs each an attempt', async () => {
    let failures = 0;
    deed = async (paid) => {
      if (failures++ < 7) throw new Error(`no ink for ${paid.length}`);
    };
    await publish(IDS.slice(0, 4));
    await acknowledged(4);
    expect(calls.slice(0, 7).map(({ length }) => length)).toEqual([4, 2, 1, 1, 2, 1, 1]);
    expect(seen('retry-scheduled')).toEqual(IDS.slice(0, 4));
    expect(attempts).toEqual(Object.fromEntries(IDS.slice(0, 4).map((id) => [id, 2])));
    expect(await cards()).toEqual(IDS.slice(0, 4));
  });

  it('of which one is rejected leaves nothing of it, and is run again without it', async () => {
    deed = async (_, { deliveries }) =>
      deliveries.find(({ bizId }) => bizId === FIVE)?.reject('nothing was paid');
    await publish(IDS);
    const [letter] = await app.events('dead-lettered');
    expect(letter).toMatchObject({ bizId: FIVE, reason: 'rejected' });
    expect(letter!.error).toContain('nothing was paid');
    await acknowledged(IDS.length - 1);
    expect(calls).toEqual([IDS, without(FIVE)]);
    expect(await cards()).toEqual(without(FIVE));
  });

  it('of which one is wanted later costs it no attempt', async () => {
    let once = true;
    deed = async (_, { deliveries }) => {
      if (once) deliveries.find(({ bizId }) => bizId === FIVE)?.retryLater({ delayMs: 10 });
      once = false;
    };
    await publish(IDS);
    const [retry] = await app.events('retry-scheduled');
    expect(retry).toMatchObject({ bizId: FIVE, failures: 0, requested: true });
    await acknowledged();
    expect(calls).toEqual([IDS, without(FIVE), [FIVE]]);
    expect(attempts[FIVE]).toBe(1);
    expect(await cards()).toEqual(IDS);
  });

  it('of which some fail, each caught by itself, keeps nothing of those', async () => {
    const failing = ['P-02', FIVE];
    deed = async (_, { deliveries, manager }) => {
      for (const delivery of deliveries) {
        try {
          await manager.insert(CardRow, { paymentId: `${delivery.bizId}/2`, issuedBy: 'cards' });
          if (delivery.attempt === 1 && failing.includes(delivery.bizId)) throw new Error('no ink');
        } catch (error) {
          delivery.fail(error);
        }
      }
    };
    await publish(IDS);
    const failed = await app.events('retry-scheduled', 2);
    expect(failed.map(({ bizId, failures }) => [bizId, failures]).sort()).toEqual(
      failing.map((id) => [id, 1]),
    );
    await acknowledged();
    expect(await cards()).toEqual(IDS.flatMap((id) => [id, `${id}/2`]));
    expect(calls.slice(0, 2)).toEqual([IDS, without(...failing)]);
    expect(sizes()).toEqual([12, 10, 1, 1]);
  });

  it('of which all are wanted later is not run again for that', async () => {
    let once = true;
    deed = async (_, { deliveries }) => {
      if (once) for (const delivery of deliveries) delivery.retryLater({ delayMs: 10 });
      once = false;
    };
    await publish(IDS);
    await acknowledged();
    expect(calls[0]).toEqual(IDS);
    expect(calls.slice(1).flat().sort()).toEqual(IDS);
    expect(Math.max(...Object.values(attempts))).toBe(1);
  });

  it('of one is what the handler says of it, whatever it throws then', async () => {
    deed = async (_, { deliveries }) => {
      deliveries[0]!.reject(new Error('not ours'));
      throw new Error('and more');
    };
    await publish(['P-1']);
    expect(await app.events('dead-lettered')).toMatchObject([{ bizId: 'P-1', reason: 'rejected' }]);
    expect([calls, await cards()]).toEqual([[['P-1']], []]);
  });

  it('takes nothing for said that comes when its handler has ended', async () => {
    let said!: () => void;
    const later = new Promise<void>((resolve) => (said = resolve));
    deed = async (_, { deliveries }) => {
      void later.then(() => deliveries[0]!.fail(new Error('too late')));
    };
    await publish(IDS);
    await acknowledged();
    said();
    await later;
    expect(seen('retry-scheduled')).toEqual([]);
    expect(await cards()).toEqual(IDS);
  });

  it('that takes too long is run again in halves, each with the whole time: the one that hangs has failed', async () => {
    await restart(Cards, { timeoutMs: 400 });
    deed = async (_, { deliveries }) => {
      const hangs = deliveries.some(({ bizId, attempt }) => bizId === FIVE && attempt === 1);
      if (hangs) await new Promise(() => undefined);
    };
    await publish(IDS);
    await acknowledged();
    expect(seen('retry-scheduled')).toEqual([FIVE]);
    expect(calls[0]).toEqual(IDS);
    expect(await cards()).toEqual(IDS);
  }, 30_000);

  it('that is cut off by a shutdown comes again, and costs nobody an attempt', async () => {
    await restart(Cards, {}, 100);
    let entered!: () => void;
    const running = new Promise<void>((resolve) => (entered = resolve));
    deed = async () => {
      entered();
      await new Promise(() => undefined);
    };
    await publish(IDS);
    await running;
    const closing = app;
    deed = async () => undefined;
    await closing.close();
    app = await start(Cards);
    await acknowledged();
    expect(Math.max(...Object.values(attempts))).toBe(1);
    expect(await cards()).toEqual(IDS);
  });

  /** They are there when the handler comes; so many of them, the last ones, landed an hour ago. */
  const publishLongBefore = async (old: number) => {
    await app.close();
    app = await startApp(database, { entities: [CardTable], options: { roles: { consume: false } } });
    await publish(IDS);
    await until('all have landed', () => rows('message', '1 = 1', IDS.length));
    const those = IDS.slice(-old).map((id) => `'${Buffer.from(id).toString('hex').toUpperCase()}'`);
    await app.brokerDataSource.query(
      `UPDATE mq_message SET landed_at = landed_at - ${3_600_000_000} WHERE HEX(biz_id) IN (${those.join()})`,
    );
  };

  it('has also what landed long ago', async () => {
    await publishLongBefore(IDS.length);
    await restart(Cards);
    await acknowledged();
    expect(calls).toEqual([IDS]);
  });

  it('has nothing that landed so long ago that its dedup row may be gone', async () => {
    await publishLongBefore(2);
    for (const table of ['mq_scenario', 'mq_scenario_source'])
      await app.dataSource.query(`UPDATE ${table} SET mark = ${Date.now() * 1000}`);
    await restart(Cards);
    const letters = await app.events('dead-lettered', 2);
    expect(letters.map(({ bizId, reason }) => `${bizId} ${reason}`).sort()).toEqual(
      IDS.slice(-2).map((id) => `${id} too-old-to-judge`),
    );
    await acknowledged(IDS.length - 2);
    expect(calls).toEqual([IDS.slice(0, -2)]);
  });

  // There a statement is done before anybody could wait for it, and a raw COMMIT is refused.
  if (engine === 'sqlite') return;

  it('that loses its transaction costs nobody an attempt, whatever its handler says of single ones then', async () => {
    let once = true;
    deed = async (_, { deliveries, manager }) => {
      for (const delivery of deliveries) {
        try {
          if (once) {
            once = false;
            await manager.query(DEADLOCK[engine]!);
          }
          await manager.insert(CardRow, { paymentId: `${delivery.bizId}/2`, issuedBy: 'cards' });
        } catch (error) {
          delivery.fail(error);
        }
      }
    };
    await publish(IDS);
    await acknowledged();
    expect(seen('retry-scheduled')).toEqual([]);
    expect(await cards()).toEqual(IDS.flatMap((id) => [id, `${id}/2`]));
  });

  it('whose handler does not wait for a statement is not committed', async () => {
    let once = true;
    deed = async (_, { manager }) => {
      if (once) void manager.insert(CardRow, { paymentId: 'unawaited', issuedBy: 'cards' });
      once = false;
    };
    await publish(IDS);
    await acknowledged();
    expect(await cards()).toEqual(IDS);
  });

  it('of which one has lost its lease has no effect for that one, which somebody else has then', async () => {
    let once = true;
    const steal = async () => {
      const [delivery] = await app.brokerDataSource.query<{ seq: number }[]>(
        `SELECT d.seq FROM mq_delivery d JOIN mq_message m ON m.seq = d.seq WHERE m.biz_id = '${FIVE}'`,
      );
      await app.brokerDataSource.query('UPDATE mq_delivery SET token = ? WHERE seq = ?', [
        randomBytes(16),
        delivery!.seq,
      ]);
    };
    deed = async () => {
      if (once) await outsideTransaction(steal);
      once = false;
    };
    await publish(IDS);
    if (app.isApart) {
      await app.events('ack-lost');
      return expect(await cards()).toEqual(IDS);
    }
    await app.events('lease-lost');
    await acknowledged(IDS.length - 1);
    expect(await cards()).toEqual(without(FIVE));
  });

  // There COMMIT is refused.
  if (engine === 'postgres') return;

  it('whose handler commits by itself and then fails is torn: nobody knows of any', async () => {
    deed = async (_, { manager }) => {
      await manager.query('COMMIT');
      throw new Error('in the middle');
    };
    await publish(IDS);
    const letters = await app.events('dead-lettered', IDS.length);
    expect(new Set(letters.map(({ reason }) => reason))).toEqual(new Set(['torn']));
    expect(calls).toEqual([IDS]);
  });

  it('whose handler commits by itself, and goes on, takes effect once', async () => {
    deed = async (_, { manager }) => void (await manager.query('COMMIT'));
    await publish(IDS);
    await acknowledged();
    expect([calls, await cards()]).toEqual([[IDS], IDS]);
  });

  it('whose handler commits by itself and says that one has failed is torn as well', async () => {
    deed = async (_, { manager, deliveries }) => {
      await manager.query('COMMIT');
      deliveries[5]!.fail(new Error('no ink'));
    };
    await publish(IDS);
    await app.events('dead-lettered', IDS.length, ({ reason }) => reason === 'torn');
    expect(calls).toEqual([IDS]);
  });
});
