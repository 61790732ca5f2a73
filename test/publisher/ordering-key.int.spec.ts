import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { NOTHING, publishedRows } from '../topic/support/anything.js';
import { Noted, note } from './support/published.js';

/** What is published under an ordering key, in one database and with a broker apart. */

const shapes = engines.flatMap((engine) =>
  (['one database', 'apart'] as const).map((shape) => [engine, shape] as const),
);
const MANY = 7_000;

describe.each(shapes)('an ordering key, on %s, %s,', (engine, shape) => {
  let database: TestDatabase;
  let broker: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    broker = await createDatabase(engine);
    app = await startApp(database, {
      options: {
        roles: { relay: false, sweep: false },
        ...(shape === 'apart' && { broker: { dataSource: broker.options } }),
      },
    });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
    await broker.drop();
  });

  const standalone = true;
  const table = shape === 'apart' ? 'outbox_keyed' : 'message';
  const stored = async (): Promise<[string, string][]> => {
    const rows = await app.dataSource.query<{ biz_id: Buffer; ordering_key: Buffer }[]>(
      `SELECT biz_id, ordering_key FROM mq_${table} ORDER BY seq`,
    );
    return rows.map((row) => [row.biz_id.toString(), row.ordering_key.toString()]);
  };

  it('is stored with the message, one for all or each its own, in the order of the call', async () => {
    await app.outbox.publish(Noted, note('a'), { standalone, orderingKey: 'account-7' });
    await app.outbox.publishAll(Noted, [note('b'), note('c')], { standalone, orderingKey: 'account-7' });
    await app.outbox.publishAll(Noted, [note('d'), note('e')], {
      standalone,
      orderingKey: ({ id }) => `of ${id}`,
    });
    expect(await stored()).toEqual([
      ...['a', 'b', 'c'].map((id) => [id, 'account-7']),
      ['d', 'of d'],
      ['e', 'of e'],
    ]);
  });

  it('is stored for each of many, in a handful of statements', async () => {
    if (shape === 'one database') await app.broker.subscribe({ topic: Noted.name, group: 'one', version: 1 });
    const ids = Array.from({ length: MANY }, (_, i) => `id-${i}`);
    const keyOf = (id: string) => `${id.at(-1)!}-é-${'x'.repeat(200)}`;
    await app.outbox.publishAll(Noted, ids.map(note), { standalone, orderingKey: ({ id }) => keyOf(id) });
    expect(await stored()).toEqual(ids.map((id) => [id, keyOf(id)]));
    if (shape === 'apart') return;
    const rows = await app.dataSource.query<{ n: string }[]>(
      `SELECT COUNT(*) AS n FROM mq_delivery_keyed d JOIN mq_message m ON m.seq = d.seq AND m.ordering_key = d.ordering_key`,
    );
    expect(Number(rows[0]!.n)).toBe(MANY);
  });

  it('is taken as it was when publishAll was called', async () => {
    const keys = { a: 'first' };
    const publishing = app.outbox.publishAll(Noted, [note('a')], { standalone, orderingKey: () => keys.a });
    keys.a = 'second';
    await publishing;
    expect(await stored()).toEqual([['a', 'first']]);
  });

  it.each([
    ['empty', '', 'a non-empty string (got the string "")'],
    ['null', null, 'a non-empty string (got null)'],
    ['a number', 7, 'a non-empty string (got the number 7)'],
    [
      'an object that a driver would take for SQL',
      { toSqlString: () => '1' },
      'a non-empty string (got an object',
    ],
    ['a lone surrogate', 'account-\uD800', 'a well-formed string'],
    ['longer than its column', 'x'.repeat(256), 'at most 255 bytes of UTF-8 and not 256'],
    ['longer than its column in bytes only', 'é'.repeat(128), 'at most 255 bytes of UTF-8 and not 256'],
  ])('is refused when it is %s, saying so, and nothing is written', async (_, key, what) => {
    const one = app.outbox.publish(Noted, note('a'), { standalone, orderingKey: key as string });
    await expect(one).rejects.toMatchObject({ code: 'OPTIONS_INVALID', option: 'publish({ orderingKey })' });
    await expect(one).rejects.toThrow(`publish({ orderingKey }) must be ${what}`);
    const all = app.outbox.publishAll(Noted, [note('a'), note('b')], {
      standalone,
      orderingKey: ({ id }) => (id === 'a' ? 'good' : (key as string)),
    });
    await expect(all).rejects.toThrow(`publishAll({ orderingKey }) of payloads[1] must be ${what}`);
    expect(await stored()).toEqual([]);
    if (shape === 'one database') expect(await publishedRows(app)).toEqual(NOTHING);
  });

  it('is a string for publish, and for cancel it is no option', async () => {
    const byFunction = app.outbox.publish(Noted, note('a'), {
      standalone,
      orderingKey: (() => 'a') as never,
    });
    await expect(byFunction).rejects.toThrow(
      'publish({ orderingKey }) must be a non-empty string (got a function)',
    );
    const cancel = app.outbox.cancel(Noted, 'a', { standalone, orderingKey: 'a' } as never);
    await expect(cancel).rejects.toThrow('cancel({ orderingKey }) must be left out');
  });

  it.each([
    ['delayMs', { delayMs: 1_000 }],
    ['delayMs', { delayMs: 0 }],
    ['deliverAt', { deliverAt: new Date() }],
  ])('is refused together with %s', async (option, timing) => {
    const refusal = `({ ${option} }) must be left out where orderingKey is given`;
    const one = app.outbox.publish(Noted, note('a'), { standalone, orderingKey: 'a', ...timing });
    await expect(one).rejects.toThrow(`publish${refusal}`);
    const all = app.outbox.publishAll(Noted, [note('a')], { standalone, orderingKey: () => 'a', ...timing });
    await expect(all).rejects.toThrow(`publishAll${refusal}`);
    expect(await stored()).toEqual([]);
  });

  it('may stand beside expiresAt', async () => {
    const expiresAt = new Date(Date.now() + 60_000);
    await app.outbox.publish(Noted, note('a'), { standalone, orderingKey: 'a', expiresAt });
    expect(await stored()).toEqual([['a', 'a']]);
  });

  it('rolls back with the transaction', async () => {
    const failing = app.dataSource.transaction(async (manager) => {
      await app.outbox.publish(Noted, note('a'), { manager, orderingKey: 'a' });
      throw new Error('the business changed its mind');
    });
    await expect(failing).rejects.toThrow('changed its mind');
    expect(await stored()).toEqual([]);
  });
});
