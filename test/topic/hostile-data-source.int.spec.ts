import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { Collector, NOTHING, publishedRows, sendAndCollect } from './support/anything.js';
import { hostileDataSources } from './support/hostile-data-sources.js';

const hex = (text: string) => Buffer.from(text).toString('hex');

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, { manager, attempt }: DeliveryContext) {
    if (paymentId === 'fails-once' && attempt === 1) throw new Error('once');
    // In digits: how the driver quotes the app's own texts in such a session is not what is tested here.
    await manager.insert(CardRow, { paymentId: hex(paymentId), issuedBy: 'card-issuing' });
  }
}

const setups = engines.flatMap((engine) =>
  hostileDataSources(engine).map(([what, dataSource]) => ({ engine, what, dataSource })),
);

describe.each(setups)('with $what, on $engine', ({ engine, dataSource }) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, {
      entities: [CardTable],
      providers: [Collector, CardIssuing],
      dataSource,
    });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it('payloads come back as they were, effects happen once, and nothing is left behind', async () => {
    const values = [
      '💳 ünïcödé 支払い',
      `? :name ' " \` \\ \\' \\" \0 \n %_`,
      { amount: '9007199254740993', '"': { "'": [null, '\\'] } },
      'x'.repeat(100_000),
    ];
    expect(await sendAndCollect(app, 'é💳', values)).toEqual(values);

    const ids = ['P-1', 'p-1', 'P-1', 'fails-once', 'é-\\', "'; --"];
    for (const id of ids) await app.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
    await app.events('acknowledged', 5, ({ group }) => group === 'card-issuing');
    await app.events('duplicate-absorbed');
    const cards = await app.dataSource.getRepository(CardRow).find();
    expect(cards.map(({ paymentId }) => paymentId).sort()).toEqual([...new Set(ids)].map(hex).sort());

    const run = () => app.executor.run({ scenario: 'hostile', bizId: 'é💳' }, async () => ({ said: `'💳"` }));
    expect(await run()).toEqual({ executed: true, result: { said: `'💳"` } });
    expect(await run()).toEqual({ executed: false, result: { said: `'💳"` } });

    await app.broker.sweep();
    expect(await publishedRows(app)).toEqual(NOTHING);
    expect(await app.broker.deadLetters.list()).toEqual([]);
  });
});
