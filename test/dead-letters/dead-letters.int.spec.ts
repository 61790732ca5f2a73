import type { DeadLetter } from '../../src/index.js';
import type { TestApp } from '../support/app.js';
import {
  OrderPlaced,
  type Subscribed,
  bizIds,
  claim,
  publishOrders,
  recordOf,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { letPass, tableSizes } from '../support/tables.js';

// Property: what is in the dead letters is found, tried again or thrown away as asked for, and nothing else with it.

const UNROUTED_MS = 600_000;

describe.each(engines)('dead letters on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let cards: Subscribed;
  let sms: Subscribed;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startBroker(database, {
      options: { roles: { sweep: false }, retention: { unroutedMs: UNROUTED_MS } },
    });
    cards = await subscribe(app, 'cards');
    sms = await subscribe(app, 'sms');
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const letters = () => app.broker.deadLetters;
  const idsOf = (found: readonly DeadLetter[]) => found.map(({ bizId }) => bizId);

  /** Published, and dead in one group, one after the other. */
  async function die(group: Subscribed, orderIds: readonly string[], reason = 'failed'): Promise<void> {
    await publishOrders(app, orderIds);
    await bury(group, reason);
  }

  async function bury(group: Subscribed, reason = 'failed'): Promise<void> {
    const { deliveries } = await claim(app, group, { limit: 1_000 });
    for (const delivery of deliveries) {
      const errors = Buffer.from(
        JSON.stringify([
          ...(delivery.errors ? (JSON.parse(delivery.errors.toString()) as object[]) : []),
          { at: 'now', error: reason },
        ]),
      );
      await app.broker.deadLetter(delivery, { ...recordOf(delivery), failures: 3, errors }, reason);
    }
  }

  it('are listed newest first, page by page, and by what is asked for', async () => {
    for (const id of ['A', 'B', 'C']) await die(cards, [id]);
    await die(cards, ['D', 'E'], 'rejected');
    await bury(sms, 'rejected');
    const pages: string[] = [];
    let page = await letters().list({ group: 'cards', limit: 2 });
    while (page.length > 0) {
      pages.push(idsOf(page).join());
      page = await letters().list({ group: 'cards', limit: 2, after: page.at(-1)!.position });
    }
    expect(pages).toEqual(['E,D', 'C,B', 'A']);
    expect(idsOf(await letters().list({ group: 'cards', reason: 'rejected' }))).toEqual(['E', 'D']);
    expect(await letters().list({ bizId: 'A' })).toHaveLength(2);
    expect(await letters().list({ topic: 'no.such.topic' })).toEqual([]);
    const [newest, , third] = await letters().list({ group: 'cards' });
    expect(newest!.deadAt.getTime()).toBeGreaterThanOrEqual(third!.deadAt.getTime());
    expect(idsOf(await letters().list({ deadUntil: new Date(0) }))).toEqual([]);
    expect(await letters().list({ deadUntil: new Date(Date.now() + 60_000) })).toHaveLength(10);
  });

  it('are got one by one, with their body and their errors', async () => {
    await die(cards, ['A']);
    const [letter] = await letters().list();
    expect(await letters().get(letter!.id)).toEqual({
      ...letter,
      body: '{"orderId":"A"}',
      errors: [{ at: 'now', error: 'failed' }],
    });
    expect(await letters().get('99-99')).toBeUndefined();
  });

  it('go back under their old number and landing time, with their failures forgiven', async () => {
    await publishOrders(app, ['A']);
    const [held] = (await claim(app, cards)).deliveries;
    const errors = Buffer.from(JSON.stringify([{ at: 'now', error: 'no card left' }]));
    await app.broker.deadLetter(held!, { failures: 20, lostLeases: 2, errors }, 'failed');
    const [letter] = await letters().list();
    const { seq, landedAt } = held!;
    expect(letter).toMatchObject({ bizId: 'A', seq, landedAt, failures: 20, lostLeases: 2 });
    await publishOrders(app, ['B']);
    expect(await letters().requeue(letter!)).toBe(1);
    expect(await letters().requeue(letter!)).toBe(0);
    expect(await letters().list()).toEqual([]);
    expect((await claim(app, cards)).deliveries).toEqual([
      expect.objectContaining({ seq, landedAt, failures: 0, lostLeases: 0, errors }),
      expect.objectContaining({ seq: seq + 1 }),
    ]);
  });

  it('keep their history and their landing time over a second death', async () => {
    await die(cards, ['A']);
    const [first] = await letters().list();
    expect(await letters().requeue(first!.id)).toBe(1);
    await bury(cards, 'rejected');
    const [second] = await letters().list();
    expect(second!.errors.map(({ error }) => error)).toEqual(['failed', 'rejected']);
    expect(second!.landedAt).toEqual(first!.landedAt);
  });

  it.each(['an id', 'ids', 'a letter', 'a filter'])('are requeued by %s, and only those', async (by) => {
    await die(cards, ['A', 'B', 'C']);
    await bury(sms);
    const all = await letters().list({ group: 'cards' });
    const b = all.find(({ bizId }) => bizId === 'B')!;
    const which = {
      'an id': b.id,
      ids: [b.id, b.id],
      'a letter': b,
      'a filter': { group: 'cards', bizId: 'B' },
    };
    expect(await letters().requeue(which[by as keyof typeof which])).toBe(1);
    expect(bizIds((await claim(app, cards)).deliveries)).toEqual(['B']);
    expect((await claim(app, cards)).deliveries).toEqual([]);
    expect(idsOf(await letters().list({ group: 'cards' }))).toEqual(['C', 'A']);
    expect(await letters().list({ group: 'sms' })).toHaveLength(3);
  });

  it('are requeued by the thousand, each once, also by two operators', async () => {
    const ids = Array.from({ length: 1_200 }, (_, i) => `O-${i}`);
    await publishOrders(app, ids);
    await bury(cards);
    await bury(cards);
    const counts = await Promise.all([1, 2].map(() => letters().requeue({ group: 'cards' })));
    expect(counts[0]! + counts[1]!).toBe(ids.length);
    expect(bizIds((await claim(app, cards, { limit: 2_000 })).deliveries)).toEqual(ids);
    expect(await letters().list()).toEqual([]);
  });

  it('are requeued and purged by as many ids as there are, also of letters that are gone', async () => {
    const orders = Array.from({ length: 1_200 }, (_, i) => `O-${i}`);
    await publishOrders(app, orders);
    await bury(cards);
    await bury(cards);
    const gone = Array.from({ length: 100_000 }, (_, i) => `${sms.id}-${i + 1}`);
    const ids = orders.map((_, i) => `${cards.id}-${i + 1}`);
    expect(await letters().requeue([...ids.slice(0, 1_100), ...gone])).toBe(1_100);
    expect(await letters().purge(ids)).toBe(100);
    expect(await letters().list()).toEqual([]);
  });

  it('are found by the very time at which they died', async () => {
    await die(cards, ['A']);
    const [letter] = await letters().list();
    expect(idsOf(await letters().list({ deadUntil: letter!.deadAt }))).toEqual(['A']);
    const before = new Date(letter!.deadAt.getTime() - 1);
    expect(await letters().list({ deadUntil: before })).toEqual([]);
  });

  it('are listed where a filter is there and says nothing', async () => {
    await die(cards, ['A']);
    expect(await letters().list({ group: undefined })).toHaveLength(1);
  });

  it.each(['no JSON', '{"at":1}', 'null', '[null,1,{"at":"now","error":"failed"}]'])(
    'are listed although the history of one of them is broken: %s',
    async (history) => {
      await die(cards, ['A', 'B']);
      await app.dataSource.query('UPDATE mq_dead_letter SET errors = ? WHERE seq = 1', [
        Buffer.from(history),
      ]);
      const [b, a] = await letters().list();
      expect([a!.bizId, b!.bizId]).toEqual(['A', 'B']);
      expect(a!.errors).toEqual(history.startsWith('[') ? [{ at: 'now', error: 'failed' }] : []);
      expect(b!.errors).toHaveLength(1);
    },
  );

  it('are purged for good, with their messages where nobody else needs them', async () => {
    await die(cards, ['A', 'B']);
    await bury(sms);
    expect(await letters().purge({ group: 'cards' })).toBe(2);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({ message: 2, dead_letter: 2 });
    expect(await letters().purge({ reason: 'failed' })).toBe(2);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({});
  });

  it('go to the groups that there are now when nobody took them at first, or wait for one again', async () => {
    for (const group of ['cards', 'sms']) {
      await app.broker.removeSubscription({ topic: OrderPlaced.name, group, version: 1 });
    }
    await publishOrders(app, ['A']);
    const die = async () => {
      await letPass(app.dataSource, UNROUTED_MS);
      await app.broker.sweep();
      expect(await tableSizes(app.dataSource)).toEqual({ message: 1, dead_letter: 1 });
    };
    await die();
    expect(await letters().requeue({ reason: 'unrouted' })).toBe(1);
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, parked: 1 });
    await die();
    const late = await subscribe(app, 'late');
    expect(await letters().requeue({ reason: 'unrouted' })).toBe(1);
    expect(bizIds((await claim(app, late)).deliveries)).toEqual(['A']);
  });

  it('are requeued as they were listed', async () => {
    await die(cards, ['A', 'B', 'C']);
    const [first, ...others] = await letters().list();
    expect(await letters().requeue(others)).toBe(2);
    expect(await letters().purge([first!])).toBe(1);
    expect(await letters().list()).toEqual([]);
  });

  it('refuse what selects nothing or is no selector, and touch nothing', async () => {
    await die(cards, ['A']);
    for (const [call, argument, message] of NONSENSE) {
      const method = Reflect.get(letters(), call) as () => Promise<unknown>;
      await expect(Reflect.apply(method, letters(), [argument])).rejects.toThrow(message);
    }
    expect(await letters().list()).toHaveLength(1);
  });
});

const NONSENSE: [call: string, argument: unknown, message: string][] = [
  ['requeue', {}, 'a filter with one at least of topic, group'],
  ['purge', {}, 'a filter with one at least of topic, group'],
  ['purge', { group: undefined }, 'a filter with one at least of topic, group'],
  ['purge', undefined, 'an id, a dead letter, an array of such, or a filter'],
  ['purge', null, 'an id, a dead letter, an array of such, or a filter'],
  ['purge', { grop: 'cards' }, 'deadLetters.purge({ grop }) must be left out'],
  ['purge', { group: '' }, 'deadLetters.purge({ group }) must be a non-empty string'],
  ['purge', { deadUntil: new Date('x') }, 'deadLetters.purge({ deadUntil }) must be a valid Date'],
  ['purge', { deadUntil: 5 }, 'deadLetters.purge({ deadUntil }) must be a valid Date'],
  ['requeue', 'x', "deadLetters.requeue(id) must be the id of a dead letter, such as '3-1024'"],
  ['requeue', ['1-1', '1-1 OR 1=1'], 'deadLetters.requeue(id) must be the id of a dead letter'],
  ['get', 7, 'deadLetters.get(id) must be the id of a dead letter'],
  ['list', { after: 'x' }, 'deadLetters.list({ after }) must be the position of a dead letter'],
  ['list', { limit: 0 }, 'deadLetters.list({ limit }) must be a whole number from 1 to 1000'],
  ['list', null, 'deadLetters.list(options) must be an object'],
  ['list', 'x', 'deadLetters.list(options) must be an object'],
  ['list', { id: '1-1' }, 'deadLetters.list({ id }) must be left out'],
  ['list', { reason: 'faild' }, 'must be one of failed, rejected, torn, process-lost, expired, unrouted'],
  ['purge', { reason: 'toString' }, 'must be one of failed, rejected'],
  ['list', { limt: 5 }, 'deadLetters.list({ limt }) must be left out'],
];
