import { randomBytes } from 'node:crypto';
import { KeyRounds } from '../../src/consumer/key-rounds.js';
import { databaseOf, readUnfinished } from '../../src/storage/index.js';
import type { TestApp } from '../support/app.js';
import {
  type Leased,
  type Subscribed,
  MINUTE_MS,
  OrderPlaced,
  bizIds,
  claim,
  claimAlone,
  claimKeyed,
  numbered,
  publishOrders,
  publishUnder,
  recordOf,
  stale,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows, letPass, tableSizes } from '../support/tables.js';

// Property: of one key and group, one delivery is under way at a time, and the next is the first that is left.

const topic = OrderPlaced.name;
const DAY_MS = 24 * 60 * MINUTE_MS;
const failed = (delivery: Leased) => ({ ...recordOf(delivery), failures: delivery.failures + 1 });

describe.each(engines)('deliveries with ordering keys on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let cards: Subscribed;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startBroker(database);
    cards = await subscribe(app, 'cards');
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const next = async (options: Parameters<typeof claimKeyed>[2] = {}) =>
    (await claimKeyed(app, cards, options)).deliveries;
  const names = async (options: Parameters<typeof claimKeyed>[2] = {}) => bizIds(await next(options)).sort();
  const status = async () => (await app.broker.groups.list()).find(({ group }) => group === 'cards')!;

  it('are handed out one at a time for each key, in the order of one transaction and over transactions', async () => {
    await publishUnder(app, 'a', ['a-1', 'a-2']);
    await publishUnder(app, 'b', ['b-1']);
    await publishUnder(app, 'a', ['a-3']);
    const first = await next();
    expect(bizIds(first).sort()).toEqual(['a-1', 'b-1']);
    expect(first.map(({ orderingKey }) => orderingKey?.toString()).sort()).toEqual(['a', 'b']);
    expect(await names()).toEqual([]);
    for (const expected of ['a-2', 'a-3']) {
      for (const held of first.splice(0)) expect(await app.broker.acknowledge(held)).toBe(true);
      first.push(...(await next()));
      expect(bizIds(first)).toEqual([expected]);
    }
    await app.broker.acknowledge(first[0]!);
    expect(await countRows(app.dataSource, 'delivery_keyed')).toBe(0);
  });

  it('are handed out to one of eight claimers at the same time, whoever of them commits first', async () => {
    const KEYS = numbered(12, 'k');
    await Promise.all(
      KEYS.map((key) =>
        publishUnder(
          app,
          key,
          [1, 2, 3].map((n) => `${key}#${n}`),
        ),
      ),
    );
    const seen = new Map<string, string[]>();
    let left = 3 * KEYS.length;
    const claimer = async () => {
      while (left > 0) {
        for (const held of await next({ limit: 3 })) {
          const [key] = bizIds([held])[0]!.split('#');
          seen.set(key!, [...(seen.get(key!) ?? []), bizIds([held])[0]!]);
          expect(await app.broker.acknowledge(held)).toBe(true);
          left--;
        }
      }
    };
    await Promise.all(Array.from({ length: 8 }, claimer));
    for (const key of KEYS) expect(seen.get(key)).toEqual([1, 2, 3].map((n) => `${key}#${n}`));
  });

  it('are not there for a claim that does not ask for them, nor are those without a key in their table', async () => {
    await publishUnder(app, 'a', ['a-1']);
    await publishOrders(app, ['O-1']);
    expect(bizIds((await claim(app, cards)).deliveries)).toEqual(['O-1']);
    expect(await app.broker.poll(cards, 0)).toMatchObject({ claimable: false, keyed: true });
    expect(await names()).toEqual(['a-1']);
    expect(await tableSizes(app.dataSource)).toEqual({ message: 2, delivery: 1, delivery_keyed: 1 });
  });

  it('take turns with those without a key, which each have half of the room at least', async () => {
    for (const key of numbered(10, 'k')) await publishUnder(app, key, [`${key}#1`]);
    await publishOrders(app, numbered(10));
    const kinds = async (limit: number, first: boolean) => {
      const ids = await names({ limit, first });
      return [ids.filter((id) => id.startsWith('k')).length, ids.filter((id) => id.startsWith('O')).length];
    };
    expect(await kinds(4, true)).toEqual([2, 2]);
    expect(await kinds(4, false)).toEqual([2, 2]);
    expect(await kinds(1, true)).toEqual([1, 0]);
    expect(await kinds(1, false)).toEqual([0, 1]);
    expect(await kinds(3, true)).toEqual([2, 1]);
    expect(await kinds(9, false)).toEqual([3, 4]);
  });

  it('wait behind a head that is to be tried again, and nobody else does', async () => {
    await publishUnder(app, 'a', ['a-1', 'a-2']);
    await publishUnder(app, 'b', ['b-1', 'b-2']);
    const [a, b] = (await next()) as [Leased, Leased];
    expect(await app.broker.retryLater(a, failed(a), MINUTE_MS)).toBe(true);
    expect(await app.broker.acknowledge(b)).toBe(true);
    expect(await names()).toEqual(['b-2']);
    expect(await status()).toMatchObject({ ready: 1, inFlight: 1, waiting: 1 });
    expect(await countRows(app.dataSource, 'waiting')).toBe(0);
    await letPass(app.dataSource, MINUTE_MS);
    const again = (await next()).find(({ bizId }) => bizId.toString() === 'a-1')!;
    expect(again).toMatchObject({ failures: 1, lostLeases: 0 });
    await app.broker.acknowledge(again);
    expect(await names()).toContain('a-2');
  });

  it('come again first, at no cost, when they are given back', async () => {
    await publishUnder(app, 'a', ['a-1', 'a-2']);
    const [held] = (await next()) as [Leased];
    expect(await app.broker.giveBack(held, 0)).toBe(true);
    const [again] = (await next()) as [Leased];
    expect(again).toMatchObject({ seq: held.seq, failures: 0, lostLeases: 0 });
  });

  it('step aside when they are dead-lettered, with their key in the list', async () => {
    await publishUnder(app, 'a', ['a-1', 'a-2']);
    const [head] = (await next()) as [Leased];
    expect(await app.broker.deadLetter(head, recordOf(head), 'rejected')).toBe(true);
    expect(await names()).toEqual(['a-2']);
    expect(await app.broker.deadLetters.list()).toMatchObject([{ bizId: 'a-1', orderingKey: 'a' }]);
    await publishOrders(app, ['O-1']);
    const [plain] = (await claim(app, cards)).deliveries as [Leased];
    await app.broker.deadLetter(plain, recordOf(plain), 'rejected');
    expect((await app.broker.deadLetters.list()).map(({ orderingKey }) => orderingKey)).toEqual([
      undefined,
      'a',
    ]);
  });

  it('keep their number when they are requeued, and wait for a follower that is under way', async () => {
    await publishUnder(app, 'a', ['a-1', 'a-2', 'a-3']);
    const [head] = (await next()) as [Leased];
    await app.broker.deadLetter(head, recordOf(head), 'rejected');
    const [follower] = (await next()) as [Leased];
    expect(await app.broker.deadLetters.requeue({ group: 'cards' })).toBe(1);
    expect(await names()).toEqual([]);
    await app.broker.acknowledge(follower);
    const [requeued] = (await next()) as [Leased];
    expect(requeued).toMatchObject({ seq: head.seq, failures: 0 });
    await app.broker.acknowledge(requeued);
    expect(await names()).toEqual(['a-3']);
  });

  it('that lost their lease are claimed alone, and their followers wait for it', async () => {
    await publishUnder(app, 'a', ['a-1', 'a-2']);
    const [head] = (await next()) as [Leased];
    await letPass(app.dataSource, MINUTE_MS);
    const suspect = { seq: head.seq, orderingKey: Buffer.from('a') };
    expect(await claimKeyed(app, cards)).toMatchObject({ deliveries: [], suspects: [suspect] });
    const alone = await Promise.all(
      Array.from({ length: 8 }, () => claimAlone(app, cards, head.seq, MINUTE_MS, 'a')),
    );
    expect(alone.filter((got) => got !== undefined)).toEqual([
      expect.objectContaining({ seq: head.seq, lostLeases: 1, failures: 0 }),
    ]);
    expect(await claimKeyed(app, cards)).toMatchObject({ deliveries: [], suspects: [] });
    // Its former holder changes nothing.
    expect(await app.broker.acknowledge(head)).toBe(false);
    const holder = alone.find((got) => got !== undefined)!;
    expect(await app.broker.giveBack(holder, 0)).toBe(true);
    // Never with others again.
    expect(await claimKeyed(app, cards)).toMatchObject({ deliveries: [], suspects: [suspect] });
  });

  it('that lost their lease are not claimed alone beside another of their key', async () => {
    await publishUnder(app, 'a', ['a-1', 'a-2']);
    const [first] = (await next()) as [Leased];
    await app.broker.deadLetter(first, recordOf(first), 'rejected');
    const [second] = (await next()) as [Leased];
    await app.broker.deadLetters.requeue({ group: 'cards' });
    await app.dataSource.query('UPDATE mq_delivery_keyed SET lost_leases = 1 WHERE seq = ?', [first.seq]);
    expect(await claimAlone(app, cards, first.seq, MINUTE_MS, 'a')).toBeUndefined();
    await app.broker.acknowledge(second);
    expect(await claimAlone(app, cards, first.seq, MINUTE_MS, 'a')).toMatchObject({ seq: first.seq });
  });

  it('are renewed with others, and each statement of a holder is fenced by its token', async () => {
    for (const key of ['a', 'b']) await publishUnder(app, key, [`${key}-1`]);
    await publishOrders(app, ['O-1']);
    const held = await next();
    expect(held).toHaveLength(3);
    expect(await app.broker.extend(cards, held, DAY_MS)).toEqual([]);
    await letPass(app.dataSource, MINUTE_MS);
    expect(await names()).toEqual([]);
    const lost = held.find(({ orderingKey }) => orderingKey)!;
    const former = stale(lost);
    expect(await app.broker.extend(cards, [former], DAY_MS)).toEqual([former]);
    expect(await app.broker.acknowledge(former)).toBe(false);
    expect(await app.broker.giveBack(former, 0)).toBe(false);
    expect(await app.broker.retryLater(former, recordOf(former), 0)).toBe(false);
    expect(await app.broker.deadLetter(former, recordOf(former), 'rejected')).toBe(false);
    for (const one of held) expect(await app.broker.acknowledge(one)).toBe(true);
  });

  it('are given to nobody while the group is paused, and go when it is removed', async () => {
    await publishUnder(app, 'a', ['a-1', 'a-2']);
    await app.broker.groups.pause({ group: 'cards' });
    expect(await app.broker.poll(cards, 0)).toMatchObject({ claimable: false, keyed: false });
    expect(await names()).toEqual([]);
    await app.broker.groups.resume({ group: 'cards' });
    expect(await names()).toEqual(['a-1']);
    expect(await app.broker.removeSubscription({ topic, group: 'cards', version: 1 })).toEqual({
      deliveries: 2,
      deadLetters: 0,
    });
    expect(await names()).toEqual([]);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({});
    cards = await app.broker.subscribe({ topic, group: 'cards', version: 2 });
    await publishUnder(app, 'a', ['a-3']);
    expect(await names()).toEqual(['a-3']);
    const [{ n }] = await app.dataSource.query('SELECT COUNT(*) AS n FROM mq_keyed_turn');
    expect(Number(n)).toBe(1);
  });

  it('count towards the limits of their group, by their leases', async () => {
    await app.broker.groups.limit({ group: 'cards' }, { concurrency: 3 });
    for (const key of numbered(5, 'k')) await publishUnder(app, key, [`${key}#1`]);
    await publishOrders(app, numbered(5));
    await app.broker.poll(cards, 0);
    const held = await next();
    expect(held).toHaveLength(3);
    expect(held.filter(({ orderingKey }) => orderingKey)).toHaveLength(2);
    expect(await claimKeyed(app, cards)).toMatchObject({ deliveries: [], heldBack: true });
    await app.broker.acknowledge(held.find(({ orderingKey }) => orderingKey)!);
    expect(await next()).toHaveLength(1);
    await letPass(app.dataSource, MINUTE_MS);
    // Leases that ran out hold no place.
    expect((await claimKeyed(app, cards)).suspects).toHaveLength(3);
  });

  it('that were handed out before there was a limit are counted', async () => {
    for (const key of numbered(3, 'k')) await publishUnder(app, key, [`${key}#1`]);
    const held = await next({ limit: 2 });
    expect(held).toHaveLength(2);
    await app.broker.groups.limit({ group: 'cards' }, { concurrency: 2 });
    await app.broker.poll(cards, 0);
    expect(await names()).toEqual([]);
    await app.broker.acknowledge(held[0]!);
    expect(await next()).toHaveLength(1);
  });

  it('keep their message, and the watermark where it is, until the last group has done with it', async () => {
    const sms = await subscribe(app, 'sms');
    await publishUnder(app, 'a', ['a-1']);
    await letPass(app.dataSource, DAY_MS);
    const [held] = (await next()) as [Leased];
    await app.broker.acknowledge(held);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({ message: 1, delivery_keyed: 1 });
    const runner = app.dataSource.createQueryRunner();
    const oldest = async (subscriptionId: number) => {
      const which = { subscriptionId, topic: OrderPlaced.name, slackMs: DAY_MS, limit: 10 };
      const { now, oldest: at } = await readUnfinished(databaseOf(app.dataSource), runner, which);
      return at === undefined ? undefined : now - at;
    };
    expect(await oldest(sms.id)).toBeGreaterThanOrEqual(DAY_MS * 1000);
    expect(await oldest(cards.id)).toBeUndefined();
    await runner.release();
    const [other] = (await claimKeyed(app, sms)).deliveries as [Leased];
    await app.broker.acknowledge(other);
    await app.broker.sweep();
    expect(await tableSizes(app.dataSource)).toEqual({});
  });

  it('are found behind whichever key the claim before came to', async () => {
    for (const key of ['a', 'b', 'c']) await publishUnder(app, key, [`${key}-1`, `${key}-2`]);
    const answer = await claimKeyed(app, cards, { limit: 1, from: 'b' });
    expect(bizIds(answer.deliveries)).toEqual(['c-1']);
    expect(answer.keys).toMatchObject({ exhausted: false });
    // Around the end, up to where the round began.
    const rest = await app.broker.claim({
      subscription: cards,
      claimId: randomBytes(16),
      after: 0,
      limit: 10,
      leaseMs: MINUTE_MS,
      keys: { after: answer.keys!.after, until: Buffer.from('b'), first: true },
    });
    expect(bizIds(rest.deliveries)).toEqual(['a-1', 'b-1']);
    expect(rest.keys).toMatchObject({ exhausted: true });
  });

  it('are taken from as many keys as there are, claim by claim, and renewed together', async () => {
    const KEYS = 1_200;
    await app.outbox.publishAll(
      OrderPlaced,
      numbered(KEYS, 'k').map((orderId) => ({ orderId })),
      { standalone: true, orderingKey: ({ orderId }) => orderId },
    );
    const held: Leased[] = [];
    while (held.length < KEYS) {
      const more = await next({ limit: 2 * KEYS });
      expect(more.length).toBeGreaterThan(100);
      held.push(...more);
    }
    expect(new Set(bizIds(held)).size).toBe(KEYS);
    expect(await app.broker.extend(cards, held, DAY_MS)).toEqual([]);
    await letPass(app.dataSource, MINUTE_MS);
    expect(await names()).toEqual([]);
  });

  it.each(['a', 'm', 'z'])(
    'are found beside 2,500 keys whose heads all wait, from key %s on',
    async (from) => {
      await app.outbox.publishAll(
        OrderPlaced,
        numbered(2_500, 'k').map((orderId) => ({ orderId })),
        { standalone: true, orderingKey: ({ orderId }) => orderId },
      );
      await app.dataSource.query('UPDATE mq_delivery_keyed SET available_at = 9000000000000000');
      await publishUnder(app, 'l', ['l-1']);
      const rounds = new KeyRounds();
      rounds.begin();
      rounds.goOn(rounds.search!, { after: Buffer.from(from), exhausted: true });
      rounds.begin();
      const got: string[] = [];
      let claims = 0;
      for (let { search } = rounds; search; { search } = rounds) {
        const held = { subscription: cards, claimId: randomBytes(16), leaseMs: MINUTE_MS };
        const answer = await app.broker.claim({ ...held, after: 0, limit: 10, keys: search });
        rounds.goOn(search, answer.keys!);
        got.push(...bizIds(answer.deliveries));
        claims++;
      }
      expect(got).toEqual(['l-1']);
      // Two thousand keys a claim, and one more where it goes round the end.
      expect(claims).toBeLessThanOrEqual(3);
    },
  );

  it('that were parked reach each group that comes late, in their lines', async () => {
    await app.broker.removeSubscription({ topic, group: 'cards', version: 1 });
    await publishUnder(app, 'a', ['a-1', 'a-2']);
    await app.outbox.publishAll(OrderPlaced, [{ orderId: 'b-1' }, { orderId: 'a-3' }], {
      standalone: true,
      orderingKey: ({ orderId }) => orderId[0]!,
    });
    await publishOrders(app, ['O-1']);
    for (const group of ['late', 'later']) {
      const late = await subscribe(app, group);
      await publishUnder(app, 'a', [`${group}-4`]);
      const got: string[] = [];
      for (let held: Leased[]; (held = (await claimKeyed(app, late)).deliveries).length > 0;) {
        for (const one of held) await app.broker.acknowledge(one);
        got.push(...bizIds(held));
      }
      expect(got.filter((id) => id.startsWith('a'))).toEqual(['a-1', 'a-2', 'a-3']);
      expect(got.slice(0, 3).sort()).toEqual(['O-1', 'a-1', 'b-1']);
      expect(got).toContain(`${group}-4`);
    }
  });

  it('that nobody took are dead letters, and stand in their line when they are requeued', async () => {
    await app.broker.removeSubscription({ topic, group: 'cards', version: 1 });
    await publishUnder(app, 'a', ['a-1']);
    await letPass(app.dataSource, 8 * DAY_MS);
    await app.broker.sweep();
    const late = await subscribe(app, 'late');
    expect(await app.broker.deadLetters.list()).toMatchObject([{ reason: 'unrouted', orderingKey: 'a' }]);
    expect(await app.broker.deadLetters.requeue({ reason: 'unrouted' })).toBe(1);
    const { deliveries } = await claimKeyed(app, late);
    expect(deliveries).toMatchObject([{ bizId: Buffer.from('a-1'), orderingKey: Buffer.from('a') }]);
  });

  it('keep keys apart that a collation would take for one another', async () => {
    const keys = ['abc', 'ABC', 'ábc', 'abc ', 'a\u0000', '🙂', 'x'.repeat(255)];
    await app.outbox.publishAll(
      OrderPlaced,
      keys.map((orderId) => ({ orderId })),
      { standalone: true, orderingKey: ({ orderId }) => orderId },
    );
    const got = await next();
    expect(got.map(({ orderingKey }) => orderingKey!.toString()).sort()).toEqual([...keys].sort());
    expect(got.every(({ bizId, orderingKey }) => bizId.equals(orderingKey!))).toBe(true);
  });
});
