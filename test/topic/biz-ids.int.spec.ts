import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { AnythingSent, Collector } from './support/anything.js';

/** Some collation takes each of these for another one of them. */
const LOOKALIKES = [
  'abc',
  'ABC',
  'Abc',
  'ábc',
  'a\u0301bc',
  'abc ',
  ' abc',
  'abc\t',
  'abc\0',
  'a\u00ADbc',
  'ａｂｃ',
  '💳',
  '💰',
  'ß',
  'ss',
  'ſ',
  's',
  '0',
  '00',
  '%',
  '_',
  '\\',
  "'",
];

describe.each(engines)('biz-ids are told apart by their bytes, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeAll(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { providers: [Collector] });
  });

  afterAll(async () => {
    await app.close();
    await database.drop();
  });

  it('so that each takes effect, and each only once', async () => {
    const messages = LOOKALIKES.map((id) => ({ id, value: `of ${id}` }));
    for (const _ of [1, 2]) await app.outbox.publishAll(AnythingSent, messages, { standalone: true });
    await app.events('acknowledged', LOOKALIKES.length);
    await app.events('duplicate-absorbed', LOOKALIKES.length);
    const { payloads } = app.nest.get(Collector);
    expect([...payloads.values()].map(({ id, value }) => [id, value]).sort()).toEqual(
      LOOKALIKES.map((id) => [id, `of ${id}`]).sort(),
    );
  });

  it('also where IdempotentExecutor takes them', async () => {
    const ran: string[] = [];
    for (const bizId of [...LOOKALIKES, ...LOOKALIKES]) {
      await app.executor.run({ scenario: 'lookalikes', bizId }, async () => ran.push(bizId));
    }
    expect(ran).toEqual(LOOKALIKES);
  });
});
