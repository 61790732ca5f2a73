import { Injectable } from '@nestjs/common';
import {
  AtLeastOnceConsumer,
  AtLeastOnceDelivery,
  BrokerService,
  type GroupLimits,
  type PayloadOf,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import {
  MINUTE_MS,
  OrderPlaced,
  claim,
  numbered,
  publishOrders,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows, letPass } from '../support/tables.js';
import { until } from '../support/until.js';

// Property: workers keep to their group's limits, of several processes too, and go on by themselves when there is room.

const CONCURRENCY = 10;
const NONE = { concurrency: null, perSecond: null };
/** Per second: nothing comes in while a test runs. */
const ONE_IN_1000_S = 0.001;

/** In both apps of a test, which share this process. */
let inside = 0;
let most = 0;
let handled: string[] = [];
let handler: () => Promise<void>;

@Injectable()
class Cards {
  /** Without a transaction, so that SQLite lets two of them in as well. */
  @AtLeastOnceConsumer(OrderPlaced, { group: 'cards', concurrency: CONCURRENCY })
  async issue({ orderId }: PayloadOf<typeof OrderPlaced>, delivery: AtLeastOnceDelivery) {
    most = Math.max(most, ++inside);
    await handler().finally(() => inside--);
    handled.push(orderId);
    return delivery.ack();
  }
}

/** A handler that waits for everybody until the test lets them go on. */
function heldUp() {
  let letGo!: () => void;
  const gone = new Promise<void>((resolve) => (letGo = resolve));
  handler = () => gone;
  return letGo;
}

describe.each(engines)('workers of a limited group on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  const limit = (limits: Partial<GroupLimits>) => app.broker.groups.limit({ group: 'cards' }, limits);

  beforeEach(async () => {
    database = await createDatabase(engine);
    [inside, most, handled] = [0, 0, []];
    handler = async () => undefined;
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app.close();
    await database.drop();
  });

  const start = (pollMs = 20) =>
    startApp(database, { providers: [Cards], options: { consumers: { pollMs } } });

  it('let in no more handlers than the concurrency, of two processes together, and none of it is lost', async () => {
    app = await start();
    const second = await start();
    try {
      await limit({ concurrency: 2 });
      let letGo!: () => void;
      const company = new Promise<void>((resolve) => (letGo = resolve));
      handler = async () => {
        // The first one waits for another: the limit is two, not one.
        if (inside === 2) letGo();
        await company;
        for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
      };
      const orders = numbered(80);
      await publishOrders(app, orders.slice(0, 40));
      await publishOrders(second, orders.slice(40));
      await until('all are handled', async () => (await countRows(app.dataSource, 'delivery')) === 0);
      expect(handled.sort()).toEqual(orders.sort());
      expect(most).toBe(2);
    } finally {
      await second.close();
    }
  });

  it('go on when the concurrency is raised or lifted, without a publish', async () => {
    app = await start();
    await limit({ concurrency: 1 });
    const letGo = heldUp();
    await publishOrders(app, numbered(3));
    await until('one is inside', () => inside === 1);
    await limit({ concurrency: 2 });
    await until('two are', () => inside === 2);
    await limit(NONE);
    await until('all are', () => inside === 3);
    letGo();
    await app.events('acknowledged', 3);
  });

  it('go on when the rate allows it, without a publish', async () => {
    app = await start();
    await limit({ perSecond: ONE_IN_1000_S });
    await publishOrders(app, numbered(3));
    await app.events('acknowledged', 1);
    expect(handled).toHaveLength(1);
    await letPass(app.dataSource, 1_000_000);
    await app.events('acknowledged', 2);
    await letPass(app.dataSource, 1_000_000);
    await app.events('acknowledged', 3);
  });

  it.each([
    ['claim nothing ahead', { concurrency: 10_000 }, false],
    ['claim ahead where the limit is none', NONE, true],
  ])('%s', async (_what, limits, isAhead) => {
    app = await start();
    await limit(limits);
    const claims = jest.spyOn(BrokerService.prototype, 'claim');
    for (let round = 1; round <= 5; round++) {
      await publishOrders(app, numbered(20, `${round}`));
      await app.events('acknowledged', round * 20);
    }
    const wanted = Math.max(...claims.mock.calls.map(([request]) => request.limit));
    expect(wanted > CONCURRENCY).toBe(isAhead);
  });

  it('do not ask at each publish while the limit is met, but when something is done', async () => {
    app = await startBroker(database);
    await subscribe(app, 'cards');
    await limit({ concurrency: 1 });
    await app.close();
    // Its polls are too rare to come between, as long as none has found what nobody had told of.
    const polls = jest.spyOn(BrokerService.prototype, 'poll');
    app = await start(60_000);
    await until('it has looked', () => polls.mock.results.length > 0);
    await polls.mock.results[0]!.value;
    const letGo = heldUp();
    await publishOrders(app, ['O-1']);
    await until('one is inside', () => inside === 1);
    const claims = jest.spyOn(BrokerService.prototype, 'claim');
    for (const orderId of numbered(10, 'later')) await publishOrders(app, [orderId]);
    expect(claims).not.toHaveBeenCalled();
    letGo();
    await app.events('acknowledged', 11);
    expect(most).toBe(1);
  });

  it('run a suspect alone, in its turn', async () => {
    app = await startBroker(database);
    const cards = await subscribe(app, 'cards');
    await publishOrders(app, numbered(6));
    await claim(app, cards, { limit: 3 });
    await letPass(app.dataSource, MINUTE_MS);
    await limit({ concurrency: 1 });
    await app.close();
    app = await start();
    await app.events('acknowledged', 6);
    expect(most).toBe(1);
    expect(handled.sort()).toEqual(numbered(6));
  });
});
