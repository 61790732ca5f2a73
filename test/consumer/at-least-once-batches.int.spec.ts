import { randomBytes } from 'node:crypto';
import { Injectable } from '@nestjs/common';
import { type Acked, AtLeastOnceBatch, AtLeastOnceConsumer } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows } from '../support/tables.js';

// Property: of a batch without dedup rows, what was acknowledged is done, and nothing else is.

const IDS = Array.from({ length: 8 }, (_, i) => `P-${i}`);
const FIVE = 'P-5';
const FIVE_IN_HEX = Buffer.from(FIVE).toString('hex').toUpperCase();

/** What each call got. */
let calls: string[][];
let deed: (batch: AtLeastOnceBatch<Payment>) => Promise<void>;

@Injectable()
class Texting {
  @AtLeastOnceConsumer(PaymentSucceeded, { group: 'sms', concurrency: 1, batch: { max: 50 } })
  async text(paid: Payment[], batch: AtLeastOnceBatch<Payment>): Promise<Acked> {
    calls.push(paid.map(({ paymentId }) => paymentId));
    await deed(batch);
    return batch.ack();
  }
}

describe.each(engines)('a batch without dedup on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    calls = [];
    deed = async () => undefined;
    database = await createDatabase(engine);
    app = await startApp(database, {
      providers: [Texting],
      options: { consumers: { timeoutMs: 1_000 } },
    });
    await app.outbox.publishAll(
      PaymentSucceeded,
      [...IDS, 'P-0'].map((id) => payment(id)),
      { standalone: true },
    );
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const seen = (type: string) =>
    app.seen.flatMap((event) => (event.type === type && 'bizId' in event ? [event.bizId] : [])).sort();
  const acknowledged = (count = IDS.length + 1) => app.events('acknowledged', count);

  it('comes as an array, with no biz-id twice, and is acknowledged as a whole', async () => {
    deed = async ({ deliveries, signal }) => {
      expect(deliveries.map(({ payload: { paymentId }, bizId }) => [paymentId, bizId])).toEqual(
        calls.at(-1)!.map((id) => [id, id]),
      );
      expect(signal.aborted).toBe(false);
    };
    await acknowledged();
    expect(calls).toEqual([IDS, ['P-0']]);
    expect(await countRows(app.dataSource, 'dedup')).toBe(0);
  });

  it('of which some were acknowledged when it failed is run again without those', async () => {
    let once = true;
    deed = async ({ deliveries }) => {
      if (!once) return;
      once = false;
      for (const delivery of deliveries) {
        if (delivery.bizId === FIVE) throw new Error('the network is down');
        await delivery.ack();
      }
    };
    await acknowledged();
    expect(calls.slice(0, 2)).toEqual([IDS, IDS.slice(5)]);
    expect(seen('retry-scheduled')).toEqual([]);
  });

  it('that fails is run again in halves, until the one that fails is alone', async () => {
    let failures = 0;
    deed = async ({ deliveries }) => {
      if (deliveries.some(({ bizId }) => bizId === FIVE) && failures++ < 4) throw new Error('no such number');
    };
    await acknowledged();
    expect(calls.slice(0, 4)).toEqual([IDS, IDS.slice(0, 4), IDS.slice(4), IDS.slice(4, 6)]);
    expect(seen('retry-scheduled')).toEqual([FIVE]);
    expect(calls.at(-1)).toEqual([FIVE]);
  });

  it('of which one has lost its lease does not run that one again, which somebody else has then', async () => {
    deed = async () => {
      const rows = await app.brokerDataSource.query<{ seq: number }[]>(
        `SELECT d.seq FROM mq_delivery d JOIN mq_message m ON m.seq = d.seq WHERE HEX(m.biz_id) = '${FIVE_IN_HEX}'`,
      );
      const values = [randomBytes(16), rows[0]!.seq];
      await app.brokerDataSource.query('UPDATE mq_delivery SET token = ? WHERE seq = ?', values);
      deed = async () => undefined;
    };
    expect(await app.events('lease-lost')).toMatchObject([{ bizId: FIVE }]);
    await acknowledged(IDS.length);
    expect(calls).toEqual([IDS, ['P-0']]);
  });

  it('ends for single ones as the handler says', async () => {
    let once = true;
    deed = async ({ deliveries }) => {
      if (!once) return;
      once = false;
      deliveries[1]!.reject('no such number');
      deliveries[2]!.retryLater({ delayMs: 10 });
      deliveries[3]!.fail(new Error('no answer'));
    };
    expect(await app.events('dead-lettered')).toMatchObject([{ bizId: 'P-1', reason: 'rejected' }]);
    await acknowledged(IDS.length);
    const retries = app.seen.flatMap((event) => (event.type === 'retry-scheduled' ? [event] : []));
    expect(retries.map(({ bizId, failures }) => [bizId, failures]).sort()).toEqual([
      ['P-2', 0],
      ['P-3', 1],
    ]);
    expect(calls[0]).toEqual(IDS);
    expect(calls.flat().filter((id) => ['P-4', FIVE, 'P-6', 'P-7'].includes(id))).toHaveLength(4);
  });

  it('that hangs is run again in halves: the one that hangs has failed', async () => {
    let hung = 0;
    deed = async ({ deliveries }) => {
      if (deliveries.some(({ bizId }) => bizId === FIVE) && hung++ < 4) await new Promise(() => undefined);
    };
    await acknowledged();
    expect(seen('retry-scheduled')).toEqual([FIVE]);
  }, 30_000);
});
