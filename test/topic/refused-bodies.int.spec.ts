import { InvalidBizIdError, InvalidPayloadError } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentRow, PaymentTable } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { AnythingSent, NOTHING, publishedRows } from './support/anything.js';

const cyclic: Record<string, unknown> = {};
cyclic.self = cyclic;
let deep: unknown = null;
for (let level = 0; level < 64; level++) deep = [deep];

const UNSENDABLE: [string, unknown, string][] = [
  ['a BigInt', { value: { amount: 5n } }, 'payload.value.amount'],
  ['a cycle', { value: cyclic }, 'payload.value.self'],
  ['a function', { value: [() => 1] }, 'payload.value[0]'],
  ['undefined', { value: undefined }, 'payload.value'],
  ['NaN', { value: NaN }, 'payload.value'],
  ['a Date', { value: new Date() }, 'payload.value'],
  ['a Map', { value: new Map() }, 'payload.value'],
  ['a hole', { value: new Array(1) }, 'payload.value[0]'],
  ['an own __proto__', { value: JSON.parse('{"__proto__":1}') }, 'payload.value'],
  ['over 1 MiB', { value: 'x'.repeat(1024 * 1024) }, 'payload.maxBytes'],
  ['over 64 levels', { value: deep }, 'more than 64 levels'],
];

/** It is published behind a good one. */
const inSecond = (place: string) => place.replace(/^payload\.value/, 'payloads[1].value');

const WITHOUT_BIZ_ID: [string, unknown][] = [
  ['is missing', undefined],
  ['is empty', ''],
  ['is a number', 42],
  ['is an object', { toSqlString: () => '1' }],
  ['has a lone surrogate', 'order-\uD83D'],
  ['is 256 bytes long', '💳'.repeat(64)],
];

describe.each(engines)('a body that can not be kept is refused in the sender, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeAll(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { entities: [PaymentTable] });
  });

  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  /** What publishing this body throws, in a transaction that goes on and commits all the same. */
  async function refusal(body: object): Promise<Error> {
    let refused: unknown;
    await app.dataSource.transaction(async (manager) => {
      const good = { id: 'good', value: 1 };
      await app.outbox
        .publishAll(AnythingSent, [good, body as typeof good], { manager })
        .catch((error: unknown) => (refused = error));
      // The transaction is as it was: nothing was sent to the database.
      await manager.upsert(PaymentRow, { paymentId: 'goes-on', amount: 1 }, ['paymentId']);
    });
    expect(refused).toBeInstanceOf(Error);
    return refused as Error;
  }

  it.each(UNSENDABLE)('with %s, naming the place', async (_, body, place) => {
    const error = await refusal({ id: 'x', ...(body as object) });
    expect(error).toBeInstanceOf(InvalidPayloadError);
    expect(error).toMatchObject({
      code: 'PAYLOAD_INVALID',
      message: expect.stringContaining(inSecond(place)),
    });
  });

  it.each(WITHOUT_BIZ_ID)('whose biz-id %s', async (_, id) => {
    const error = await refusal(id === undefined ? {} : { id });
    expect(error).toMatchObject(
      // An object with a function in it is no payload in the first place.
      typeof id === 'object' ? { code: 'PAYLOAD_INVALID' } : { code: 'BIZ_ID_INVALID' },
    );
    expect(typeof id === 'object' ? InvalidPayloadError : InvalidBizIdError).toBe(error.constructor);
  });

  afterEach(async () => {
    expect(await publishedRows(app)).toEqual(NOTHING);
    expect(await app.dataSource.getRepository(PaymentRow).count()).toBe(1);
  });
});

describe.each(engines)('the limits of a payload can be set, on %s', (engine) => {
  it('to less or more than they are', async () => {
    const database = await createDatabase(engine);
    const app = await startApp(database, { options: { payload: { maxBytes: 2_000_000, maxDepth: 3 } } });
    const publish = (value: unknown) =>
      app.outbox.publish(AnythingSent, { id: 'x', value }, { standalone: true });
    await publish('x'.repeat(1_500_000));
    await publish([[]]);
    await expect(publish('x'.repeat(2_000_000))).rejects.toThrow('more than the limit of 2000000');
    await expect(publish([[[]]])).rejects.toThrow('more than 3 levels');
    expect(await publishedRows(app)).toEqual({ message: 2, delivery: 0, parked: 2 });
    await app.close();
    await database.drop();
  });
});
