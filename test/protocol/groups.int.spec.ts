import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import {
  OrderPlaced,
  claim,
  claimAlone,
  numbered,
  publishOrders,
  recordOf,
  subscribe,
} from '../support/broker.js';
import { describeOnServers } from '../support/hostile.js';
import { until } from '../support/until.js';
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
    expect(await app.broker.poll(cards, 0)).toMatchObject({
      claimable: false,
      broughtBack: undefined,
      limited: false,
    });
    expect(await claimAlone(app, cards, 1)).toBeUndefined();
    expect(await groups().list()).toMatchObject([
      { topic, group: 'cards', paused: true, ready: 2 },
      { topic, group: 'sms', paused: false, ready: 0, inFlight: 2 },
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

  it('are counted by what they have before them, each delivery once', async () => {
    const sms = await subscribe(app, 'sms');
    await publishOrders(app, numbered(6));
    await app.events('acknowledged', 6);
    await app.outbox.publish(OrderPlaced, { orderId: 'later' }, { standalone: true, delayMs: 60_000 });
    const [first, second, third, fourth] = (await claim(app, sms, { limit: 5 })).deliveries;
    await app.broker.retryLater(first!, recordOf(first!), 60_000);
    await app.broker.deadLetter(second!, recordOf(second!), 'failed');
    const steered = { version: 1, paused: false, limits: { concurrency: null, perSecond: null } };
    await app.broker.giveBack(third!, 60_000);
    await app.broker.giveBack(fourth!, 0);
    expect(await groups().list()).toEqual([
      { topic, group: 'cards', ...steered, ready: 0, inFlight: 0, waiting: 1, deadLetters: 0 },
      { topic, group: 'sms', ...steered, ready: 2, inFlight: 1, waiting: 3, deadLetters: 1 },
    ]);
  });

  it('have what they are given late and at a time counted as waiting, and before that by topic, as parked', async () => {
    const later = { ...OrderPlaced, name: 'later.topic' };
    for (const delayMs of [60_000, 0]) {
      await app.outbox.publish(later, { orderId: 'O-1' }, { standalone: true, delayMs });
    }
    const topics = await app.broker.topics();
    expect(topics).toContainEqual({ topic: later.name, groups: 0, parked: 2 });
    expect(topics).toContainEqual({ topic, groups: 1, parked: 0 });
    await subscribe(app, 'first', later.name);
    expect(await app.broker.topics()).toContainEqual({ topic: later.name, groups: 1, parked: 0 });
    expect(await groups().list()).toContainEqual(
      expect.objectContaining({ group: 'first', ready: 1, inFlight: 0, waiting: 1 }),
    );
  });

  it.each([{ group: 'crads' }, { group: 'cards', topic: 'no.such' }, {}, undefined])(
    'that do not exist (%j) are refused, with those that do',
    async (which) => {
      const pause = groups().pause(which as never);
      await expect(pause).rejects.toThrow('There are: cards of order.placed');
    },
  );

  it('are not paused or resumed for more topics than was meant, where a key is misspelt', async () => {
    for (const call of ['pause', 'resume'] as const) {
      const misspelt = groups()[call]({ group: 'cards', tpoic: topic } as never);
      await expect(misspelt).rejects.toThrow(`groups.${call}({ tpoic }) must be left out`);
    }
    expect(await groups().list()).toMatchObject([{ group: 'cards', paused: false }]);
  });

  it('may be paused and resumed twice, also by two at once', async () => {
    await Promise.all([groups().pause({ group: 'cards' }), groups().pause({ group: 'cards' })]);
    expect(await groups().list()).toMatchObject([{ group: 'cards', paused: true }]);
    await Promise.all([groups().resume({ group: 'cards' }), groups().resume({ group: 'cards' })]);
    expect(await groups().list()).toMatchObject([{ group: 'cards', paused: false }]);
  });

  it('that are removed under a running worker make it say so, once', async () => {
    await app.broker.removeSubscription({ topic, group: 'cards', version: 1 });
    const [error] = await app.events('worker-error');
    expect(error).toMatchObject({ topic, group: 'cards', error: expect.stringContaining('was removed') });
    const polls = jest.spyOn(app.broker, 'poll');
    await until('the worker has asked again', () => polls.mock.calls.length > 3);
    expect(app.seen.filter(({ type }) => type === 'worker-error')).toHaveLength(1);
  });
});

// On SQLite a transaction that writes has the file to itself.
describeOnServers('groups on %s, under a transaction that publishes and stays open,', (engine) => {
  it('are paused and resumed at once', async () => {
    const database = await createDatabase(engine);
    const app = await startApp(database, { providers: [Cards] });
    try {
      const which = { group: 'cards' };
      await app.dataSource.transaction('REPEATABLE READ', async (manager) => {
        await app.outbox.publish(OrderPlaced, { orderId: 'O-1' }, { manager });
        await app.broker.groups.pause(which);
        expect(await app.broker.groups.list()).toMatchObject([{ paused: true }]);
        await app.outbox.publish(OrderPlaced, { orderId: 'O-2' }, { standalone: true });
        await app.broker.groups.resume(which);
        await app.broker.groups.pause(which);
      });
      expect(await app.broker.groups.list()).toMatchObject([{ paused: true }]);
    } finally {
      await app.close();
      await database.drop();
    }
  });
});
