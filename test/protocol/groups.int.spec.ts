import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { OrderPlaced, claim, claimAlone, publishOrders, recordOf, subscribe } from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

// Property: an operator sees what each group has before it, and can hold a group up, in every process.

@Injectable()
class Cards {
  readonly issued: string[] = [];

  @IdempotentConsumer(OrderPlaced, { group: 'cards' })
  issue({ orderId }: PayloadOf<typeof OrderPlaced>, _delivery: DeliveryContext): void {
    this.issued.push(orderId);
  }
}

describe.each(engines)('groups on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { providers: [Cards] });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const topic = OrderPlaced.name;
  const groups = () => app.broker.groups;

  it('are given nothing while they are paused, by any process, and everything when they are resumed', async () => {
    const sms = await subscribe(app, 'sms');
    const cards = await subscribe(app, 'cards');
    await groups().pause({ group: 'cards' });
    await publishOrders(app, ['O-1', 'O-2']);
    expect((await claim(app, sms)).deliveries).toHaveLength(2);
    expect((await claim(app, cards)).deliveries).toEqual([]);
    expect(await app.broker.poll(cards, 0)).toEqual({ claimable: false, broughtBack: false, limited: false });
    expect(await claimAlone(app, cards, 1)).toBeUndefined();
    expect(await groups().list()).toMatchObject([
      { topic, group: 'cards', paused: true, ready: 2 },
      { topic, group: 'sms', paused: false, ready: 2 },
    ]);
    expect(app.nest.get(Cards).issued).toEqual([]);
    await groups().resume({ group: 'cards', topic });
    await app.events('acknowledged', 2);
    expect(app.nest.get(Cards).issued.sort()).toEqual(['O-1', 'O-2']);
  });

  it('stay paused over a subscribe and over a restart', async () => {
    await groups().pause({ group: 'cards' });
    await app.broker.subscribe({ topic, group: 'cards', version: 2 });
    const second = await startApp(database, { providers: [Cards] });
    await publishOrders(second, ['O-1']);
    expect(await second.broker.groups.list()).toMatchObject([{ group: 'cards', paused: true, version: 2 }]);
    await second.close();
    expect(app.nest.get(Cards).issued).toEqual([]);
  });

  it('are counted by what they have before them', async () => {
    const sms = await subscribe(app, 'sms');
    await publishOrders(app, ['O-1', 'O-2', 'O-3']);
    await app.events('acknowledged', 3);
    const [first, second] = (await claim(app, sms)).deliveries;
    await app.broker.retryLater(first!, recordOf(first!), 60_000);
    await app.broker.deadLetter(second!, recordOf(second!), 'failed');
    const steered = { version: 1, paused: false, limits: { concurrency: null, perSecond: null } };
    expect(await groups().list()).toEqual([
      { topic, group: 'cards', ...steered, ready: 0, waiting: 0, deadLetters: 0 },
      { topic, group: 'sms', ...steered, ready: 1, waiting: 1, deadLetters: 1 },
    ]);
  });

  it.each([{ group: 'crads' }, { group: 'cards', topic: 'no.such' }, {}, undefined])(
    'that do not exist (%j) are refused, with those that do',
    async (which) => {
      const pause = groups().pause(which as never);
      await expect(pause).rejects.toThrow('There are: cards of order.placed');
    },
  );
});
