import { Injectable } from '@nestjs/common';
import { AtLeastOnceConsumer, AtLeastOnceDelivery, BrokerService, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import {
  MINUTE_MS,
  type Order,
  OrderPlaced,
  claim,
  numbered,
  publishOrders,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { letPass, tableSizes } from '../support/tables.js';

// Property: a delivery that once lost its lease runs while its process does nothing else, and only what it loses then
// counts against it.

type Handler = (order: Order, delivery: AtLeastOnceDelivery) => Promise<void>;

let handler: Handler;

@Injectable()
class Handlers {
  @AtLeastOnceConsumer(OrderPlaced, { group: 'cards', leaseMs: 500 })
  async cards(order: PayloadOf<typeof OrderPlaced>, delivery: AtLeastOnceDelivery) {
    await handler(order, delivery);
    return delivery.ack();
  }

  @AtLeastOnceConsumer(OrderPlaced, { group: 'sms', leaseMs: 500 })
  async sms(order: PayloadOf<typeof OrderPlaced>, delivery: AtLeastOnceDelivery) {
    await handler(order, delivery);
    return delivery.ack();
  }
}

describe.each(engines)('deliveries that lost a lease on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    handler = async () => undefined;
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app.close();
    await database.drop();
  });

  /** Publishes orders of which the first ones were held by a process of the group `cards` that is dead by now. */
  async function leftBehind(orders: string[], suspects: number, lostLeases = 0): Promise<void> {
    const broker = await startBroker(database);
    const cards = await subscribe(broker, 'cards');
    await subscribe(broker, 'sms');
    await publishOrders(broker, orders);
    await claim(broker, cards, { limit: suspects });
    await broker.dataSource.query('UPDATE mq_delivery SET lost_leases = ? WHERE token IS NOT NULL', [
      lostLeases,
    ]);
    await letPass(broker.dataSource, MINUTE_MS);
    await broker.close();
  }

  const start = async () => {
    app = await startApp(database, { providers: [Handlers] });
  };

  it('run one at a time, beside nothing of any group', async () => {
    await leftBehind(numbered(60), 5);
    const suspects = new Set(numbered(5));
    let running = 0;
    const company: string[] = [];
    handler = async ({ orderId }, { group }) => {
      running++;
      const alone = group === 'cards' && suspects.has(orderId);
      if (alone && running > 1) company.push(orderId);
      // Room for others to come in.
      for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
      if (alone && running > 1) company.push(orderId);
      running--;
    };
    await start();
    await app.events('acknowledged', 120);
    expect(company).toEqual([]);
    const again = app.seen.flatMap((event) =>
      event.type === 'delivered' && event.redelivered ? [event] : [],
    );
    expect(again.map(({ bizId }) => bizId).sort()).toEqual([...suspects].sort());
    expect(await app.broker.deadLetters.list()).toEqual([]);
  });

  it('go to the dead letters after five leases lost alone, without being run again', async () => {
    await leftBehind(['O-1'], 1, 5);
    const ran: string[] = [];
    handler = async ({ orderId }, { group }) => void ran.push(`${group} ${orderId}`);
    await start();
    await app.events('dead-lettered');
    await app.events('acknowledged');
    expect(ran).toEqual(['sms O-1']);
    expect(await app.broker.deadLetters.list()).toMatchObject([
      { group: 'cards', bizId: 'O-1', reason: 'process-lost', lostLeases: 6, failures: 0 },
    ]);
  });

  it('are run once more where they lost one in company and four alone', async () => {
    await leftBehind(['O-1'], 1, 4);
    await start();
    await app.events('acknowledged', 2);
    expect(await app.broker.deadLetters.list()).toEqual([]);
  });

  it('don’t stay with a process that could not write the dead letter', async () => {
    await leftBehind(['O-1'], 1, 5);
    jest
      .spyOn(BrokerService.prototype, 'deadLetter')
      .mockRejectedValueOnce(new Error('the database is away for a moment'));
    await start();
    await app.events('worker-error', 1, ({ error }) => error.includes('away for a moment'));
    await app.events('dead-lettered');
  });

  it('are told to stop at a shutdown like any other, and come back at no cost', async () => {
    await leftBehind(['O-1'], 1);
    let told = false;
    const begun = new Promise<void>((resolve) => {
      handler = async (_order, { group, signal }) => {
        if (group !== 'cards') return;
        resolve();
        await new Promise((stop) => signal.addEventListener('abort', stop));
        told = true;
        throw signal.reason;
      };
    });
    await start();
    await begun;
    await app.close();
    expect(told).toBe(true);
    handler = async () => undefined;
    await start();
    await app.events('acknowledged', 1, ({ group }) => group === 'cards');
    expect(await tableSizes(app.dataSource)).not.toHaveProperty('delivery');
    const [delivered] = await app.events('delivered', 1, ({ group }) => group === 'cards');
    // The one lease that was lost before; nothing for the shutdown.
    expect(delivered!.attempt).toBe(2);
  });
});
