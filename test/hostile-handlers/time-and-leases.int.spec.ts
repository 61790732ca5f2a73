import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { outsideTransaction } from '../../src/index.js';
import { databaseOf } from '../../src/storage/index.js';
import { CardRow } from '../support/cards.js';
import { engines } from '../support/engines.js';
import {
  type HostileWorker,
  effectOnce,
  failedTwice,
  hostileWorker,
  issueCard,
  servers,
  runs,
} from '../support/hostile.js';
import { until } from '../support/until.js';

/** A handler that takes too long loses its transaction; one that lost its lease has no effect. */

const forever = new Promise<never>(() => undefined);

describe.each(engines)('a handler that never returns, on %s', (engine) => {
  const worker = hostileWorker(engine, { options: { consumers: { timeoutMs: 700, concurrency: 2 } } });

  it('counts a failure, leaves nothing, and its signal aborts', async () => {
    const id = worker.newId();
    const reasons: unknown[] = [];
    const end = await worker.meets(async (paid, delivery) => {
      delivery.signal.addEventListener('abort', () => reasons.push(delivery.signal.reason));
      await issueCard(paid, delivery);
      await forever;
    }, id);
    expect(end).toEqual(failedTwice);
    expect(reasons).toEqual(Array(2).fill(expect.objectContaining({ code: 'DELIVERY_TIMEOUT' })));
    expect((await worker.errors(id))[0]).toMatch(/DeliveryTimeoutError: .* took longer than 700 ms/);
  });

  it('is refused what it writes after its time', async () => {
    const refusals: Promise<unknown>[] = [];
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await once(delivery.signal, 'abort');
      // Its connection is closed, or will be in this turn.
      const late = Promise.resolve().then(() => issueCard(paid, delivery));
      refusals.push(late.catch((error: unknown) => error));
      await late;
    });
    expect(end).toEqual(failedTwice);
    expect(await Promise.all(refusals)).toEqual(
      Array(2).fill(expect.objectContaining({ code: 'SCOPE_DOOMED' })),
    );
  });

  it('is refused what it writes after its time, also when it swallows that and returns', async () => {
    const end = await worker.meets(async (paid, delivery) => {
      await once(delivery.signal, 'abort');
      await issueCard(paid, delivery).catch(() => undefined);
    });
    expect(end).toEqual(failedTwice);
  });

  it('takes effect once when a later attempt is in time', async () => {
    let attempt = 0;
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      if (++attempt === 1) await forever;
    });
    expect(end).toEqual(effectOnce(2));
  });

  it('does not shrink the pool: as many run side by side afterwards as before', async () => {
    for (let i = 0; i < 3; i++) {
      expect(
        await worker.meets(async (_, { manager }) => {
          await manager.query('SELECT 1');
          await forever;
        }),
      ).toEqual(failedTwice);
    }
    await expectTwoSideBySide(worker);
  });
});

/** Two handlers each of which waits for the other to have written. SQLite has one writer: there they need not write. */
async function expectTwoSideBySide(worker: HostileWorker): Promise<void> {
  if (worker.engine === 'sqlite') return;
  const ids = [worker.newId(), worker.newId()];
  let both!: () => void;
  const bothHaveWritten = new Promise<void>((resolve) => (both = resolve));
  let written = 0;
  await worker.meetsAll(
    ids.map((id) => [
      id,
      async (paid, delivery) => {
        await issueCard(paid, delivery);
        if (++written === 2) both();
        await bothHaveWritten;
      },
    ]),
  );
  for (const id of ids) expect(await worker.end(id)).toEqual(effectOnce());
}

for (const engine of servers) {
  describe(`a handler whose time is up, on ${engine}`, () => {
    const worker = hostileWorker(engine, { options: { consumers: { timeoutMs: 700, concurrency: 2 } } });

    it('lets other deliveries go on while it hangs', async () => {
      const [hanging, other] = [worker.newId(), worker.newId()];
      let hangs!: () => void;
      const isHanging = new Promise<void>((resolve) => (hangs = resolve));
      worker.issuing.instead.set(hanging, async (paid, delivery) => {
        await issueCard(paid, delivery);
        hangs();
        await forever;
      });
      await worker.publish(hanging);
      await isHanging;
      await worker.publish(other);
      await worker.ended(other);
      expect(worker.whatHappened(hanging)).toEqual(['delivered']);
      expect(await worker.end(other)).toEqual(effectOnce());
      await worker.ended(hanging);
      expect(await worker.end(hanging)).toEqual(failedTwice);
    });

    it('is torn when it has committed before it hangs', async () => {
      const id = worker.newId();
      await worker.meetsAll([
        [
          id,
          async (paid, delivery) => {
            await issueCard(paid, delivery);
            await delivery.manager.query('COMMIT');
            await forever;
          },
        ],
      ]);
      expect(await worker.end(id)).toMatchObject({
        runs: runs(1),
        cards: 1,
        deadLetters: [{ reason: 'torn' }],
      });
    });

    it('waits no longer for a statement that was not awaited and takes for ever', async () => {
      const end = await worker.meets(async (paid, delivery) => {
        await issueCard(paid, delivery);
        void delivery.manager.query('SELECT SLEEP(2)');
      });
      // The server may go on sleeping with the dedup row locked, so the second attempt may have waited.
      expect(end).toEqual(failedTwice);
    });
  });

  describe(`a handler that outlives its lease, on ${engine}`, () => {
    const steal = async (worker: HostileWorker, paymentId: string) => {
      const { brokerDataSource: dataSource } = worker.app;
      const [{ seq }] = await dataSource.query('SELECT seq FROM mq_message WHERE biz_id = ?', [
        Buffer.from(paymentId),
      ]);
      // Another process has claimed it.
      await dataSource.query(
        'UPDATE mq_delivery SET token = ?, available_at = available_at + 60000000 WHERE seq = ?',
        [randomBytes(16), seq],
      );
      return () =>
        dataSource.query('UPDATE mq_delivery SET token = NULL, available_at = 0 WHERE seq = ?', [seq]);
    };

    describe('unnoticed', () => {
      const worker = hostileWorker(engine);

      it('leaves one effect, whoever has the lease by then', async () => {
        const id = worker.newId();
        const giveBack: (() => Promise<unknown>)[] = [];
        worker.issuing.instead.set(id, async (paid, delivery) => {
          await issueCard(paid, delivery);
          if (giveBack.length === 0) giveBack.push(await outsideTransaction(() => steal(worker, id)));
        });
        await worker.publish(id);
        if (worker.app.isApart) {
          // The dedup row decides there, not the lease: whoever commits first has the effect.
          await worker.app.events('ack-lost', 1, ({ bizId }) => bizId === id);
          await giveBack[0]!();
          await worker.ended(id);
          expect(await worker.end(id)).toEqual(effectOnce(1));
          worker.expectHappened(id, 'delivered', 'ack-lost', 'delivered', 'duplicate-absorbed');
          return;
        }
        await worker.app.events('lease-lost', 1, ({ bizId }) => bizId === id);
        expect(await worker.app.dataSource.getRepository(CardRow).countBy({ paymentId: id })).toBe(0);
        await giveBack[0]!();
        await worker.ended(id);
        expect(await worker.end(id)).toEqual(effectOnce(2));
        worker.expectHappened(id, 'delivered', 'lease-lost', 'delivered', 'acknowledged');
      });
    });

    describe('and is told so', () => {
      const worker = hostileWorker(engine, { options: { consumers: { leaseMs: 300 } } });

      it('hears of it through its signal, and what it writes then is refused', async () => {
        const id = worker.newId();
        const heard: unknown[] = [];
        const giveBack: (() => Promise<unknown>)[] = [];
        worker.issuing.instead.set(id, async (paid, delivery) => {
          await issueCard(paid, delivery);
          if (giveBack.length > 0) return;
          giveBack.push(await outsideTransaction(() => steal(worker, id)));
          await once(delivery.signal, 'abort');
          heard.push(delivery.signal.reason);
          heard.push(await issueCard(paid, delivery).catch((error: unknown) => error));
        });
        await worker.publish(id);
        await worker.app.events('lease-lost', 1, ({ bizId }) => bizId === id);
        await giveBack[0]!();
        await worker.ended(id);
        expect(await worker.end(id)).toEqual(effectOnce(2));
        expect(heard).toEqual([
          expect.objectContaining({ code: 'LEASE_LOST' }),
          expect.objectContaining({ code: 'SCOPE_DOOMED' }),
        ]);
        await worker.expectNothingHeld();
      });
    });
  });
}

describe.each(engines)('a handler that takes several leases long, on %s', (engine) => {
  const leaseMs = 200;
  const worker = hostileWorker(engine, { options: { consumers: { leaseMs } } });

  /** When the lease ends, and what time it is, both by the database's clock, in microseconds. */
  async function leaseOf(paymentId: string): Promise<{ until: number; now: number }> {
    const { brokerDataSource: dataSource } = worker.app;
    const [row] = await dataSource.query(
      `SELECT d.available_at AS until, ${databaseOf(dataSource).dialect.now} AS now
       FROM mq_delivery d JOIN mq_message m ON m.seq = d.seq WHERE m.biz_id = ?`,
      [Buffer.from(paymentId)],
    );
    return { until: Number(row.until), now: Number(row.now) };
  }

  it('keeps its delivery and takes effect once', async () => {
    const id = worker.newId();
    let given!: { until: number };
    let kept!: { until: number };
    const end = await worker.meets(async (paid, delivery) => {
      await issueCard(paid, delivery);
      await outsideTransaction(async () => {
        given = await leaseOf(id);
        const isLongOver = async () => {
          const { until, now } = await leaseOf(id);
          kept = { until };
          return now > given.until + 2 * leaseMs * 1_000;
        };
        await until('the lease that it was given is over, and two more', isLongOver, { everyMs: 20 });
      });
    }, id);
    expect(end).toEqual(effectOnce());
    worker.expectHappened(id, 'delivered', 'acknowledged');
    // On SQLite a handler holds the write lock, so that nobody can renew its lease, or take the delivery; but for a broker
    // in another file.
    expect(kept.until > given.until).toBe(engine !== 'sqlite' || worker.app.isApart);
  });
});
