import fc from 'fast-check';
import { type TestApp, startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { AnythingSent, Collector, NOTHING, publishedRows, sendAndCollect } from './support/anything.js';
import { sendableJson } from './support/sendable-json.js';

describe.each(engines)('a payload comes back as it was published, on %s', (engine) => {
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

  it('with emoji, placeholders, quotes, backslashes and numbers as text', async () => {
    const values = [
      '💳 ünïcödé 支払い',
      "? ?? :name :id $1 @p '?'",
      `'"\`\\ \\' \\" \\0 \0 \n \x1a %_ \u2028`,
      `'); DROP TABLE mq_message; --`,
      { amount: '9007199254740993', exact: 9007199254740991, small: 5e-324 },
      { zebra: 1, apple: { nested: [[], {}, [null, { deep: ['💰'] }]] }, Zebra: null },
      null,
      'a lone surrogate: \uD800',
      '',
    ];
    const got = await sendAndCollect(app, 'known', values);
    expect(got).toEqual(values);
    expect(JSON.stringify(got)).toBe(JSON.stringify(values));
  });

  it('whatever JSON it is', async () => {
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(sendableJson(), { minLength: 1, maxLength: 40 }), async (values) => {
        const got = await sendAndCollect(app, `run${++run}`, values);
        expect(JSON.stringify(got)).toBe(JSON.stringify(values));
      }),
      { numRuns: 15 },
    );
  });

  it('also when it is as long as is allowed, alone and among others', async () => {
    const frame = JSON.stringify({ id: 'long-0', value: '' }).length;
    const longest = `💳${'x'.repeat(1024 * 1024 - frame - 4)}`;
    const values = [longest, 'short', longest, longest, longest, longest, longest];
    expect(await sendAndCollect(app, 'long', values)).toEqual(values);
  });

  it('with its headers', async () => {
    const headers = { traceparent: '00-1-2-01', 'x-ünicode': `💳 ? :name ' " \\`, empty: '' };
    await app.outbox.publish(AnythingSent, { id: 'with-headers' }, { headers, standalone: true });
    await app.outbox.publish(AnythingSent, { id: 'without-headers' }, { standalone: true });
    await app.events('acknowledged', 2, ({ bizId }) => bizId.endsWith('-headers'));
    const collector = app.nest.get(Collector);
    expect([...collector.headers.get('with-headers')!]).toEqual(Object.entries(headers));
    expect(collector.headers.get('without-headers')!.size).toBe(0);
  });

  it('and is deleted afterwards', async () => {
    await app.broker.sweep();
    expect(await publishedRows(app)).toEqual(NOTHING);
  });
});
