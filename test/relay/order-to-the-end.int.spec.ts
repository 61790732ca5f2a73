import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import type { TestApp } from '../support/app.js';
import { Booking, upTo } from '../support/booking.js';
import { engines } from '../support/engines.js';
import { untilAllIsThrough } from '../support/faults.js';
import { inLanes } from '../support/in-lanes.js';
import { Witnesses } from '../support/in-order.js';
import { until } from '../support/until.js';
import { connect } from './support-connect.js';
import { type TwoDatabases, startApart, twoDatabases } from './support.js';

/** Messages of one key are handled in the order in which they were published, with a broker apart and any ACK lost. */

const ACCOUNTS = ['a', 'b', 'c', 'd', 'e'];
const OF_ACCOUNT = 16;
const RELAYS = 3;
const CONSUMERS = 3;

let witnesses: Witnesses;

@Injectable()
class Ledger {
  @IdempotentConsumer(Booking, { group: 'ledger', concurrency: 3, leaseMs: 600 })
  async book({ account, number }: PayloadOf<typeof Booking>, { attempt }: DeliveryContext) {
    await witnesses.during(account, number, () => {
      if (Math.random() < 0.15 && attempt < 5) throw new Error('it went wrong');
    });
  }
}

describe.each(engines)('relays and consumers that lose ACKs in both halves, on %s', (engine) => {
  let databases: TwoDatabases;
  const apps: TestApp[] = [];
  const lost = { third: 0, fifth: 0 };
  const sent = { third: 0, fifth: 0 };
  /** The first one, and one of so many after it. */
  const isLost = (ack: keyof typeof lost, oneOf: number) => {
    if (sent[ack]++ % oneOf > 0) return false;
    lost[ack]++;
    return true;
  };

  beforeEach(async () => {
    witnesses = new Witnesses();
    for (const counts of [lost, sent]) Object.assign(counts, { third: 0, fifth: 0 });
    databases = await twoDatabases(engine);
    for (let i = 0; i < RELAYS + CONSUMERS; i++) {
      const relays = i < RELAYS;
      const app = await startApart(databases, {
        providers: relays ? [] : [Ledger],
        options: {
          roles: { relay: relays, consume: !relays, sweep: !relays },
          relay: { batch: 9, pollMs: 5, delayMs: 4, maxDelayMs: 16 },
          consumers: {
            retry: { attempts: 10, delayMs: 5, maxDelayMs: 20 },
            connections: 3,
            maxLostLeases: 20,
          },
        },
        through: (broker) => ({
          ...broker,
          send: async (shipment) => {
            const answers = await broker.send(shipment);
            if (isLost('third', 5)) throw new Error('ACK 3 got lost');
            return answers;
          },
          acknowledge: async (held) => {
            // As if the process that held it had died: its lease runs out.
            return isLost('fifth', 20) || broker.acknowledge(held);
          },
        }),
      });
      apps.push(app);
    }
  });

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    await databases.drop();
  });

  it('keep the order of each key to the end', async () => {
    await inLanes(ACCOUNTS.length, ACCOUNTS, async (account, i) => {
      const { outbox } = apps[i % RELAYS]!;
      for (const number of upTo(OF_ACCOUNT)) {
        await outbox.publish(Booking, { account, number }, { standalone: true, orderingKey: account });
      }
    });
    const left = async () => {
      const [row] = await apps[0]!.dataSource.query('SELECT COUNT(*) AS n FROM mq_outbox_keyed');
      return Number(row.n);
    };
    await until('all have landed', async () => (await left()) === 0, { limitMs: 60_000, everyMs: 20 });
    await connect(databases.broker, async (broker) => {
      await untilAllIsThrough(
        Object.assign(Object.create(apps[0]!) as TestApp, { brokerDataSource: broker }),
      );
    });
    for (const account of ACCOUNTS) expect(witnesses.done(account)).toEqual(upTo(OF_ACCOUNT));
    expect(witnesses.overlaps).toEqual([]);
    expect(lost.third).toBeGreaterThan(0);
    expect(lost.fifth).toBeGreaterThan(0);
  }, 180_000);
});
