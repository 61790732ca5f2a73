import { Injectable } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import {
  DeliveryContext,
  IdempotentConsumer,
  type IdempotentMqEventType,
  IdempotentMqEvents,
  IdempotentMqModule,
  type IdempotentMqOptions,
  OutboxPublisher,
  type PayloadOf,
} from '../../src/index.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { countRows } from '../support/tables.js';
import { until } from '../support/until.js';

// Property: what there is one of for each message is not even made as an event while nobody listens for its type. The
// library's own log listens too, for what is rare.

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, { manager }: DeliveryContext) {
    await manager.insert(CardRow, { paymentId, issuedBy: 'test' });
  }
}

const PER_MESSAGE: readonly IdempotentMqEventType[] = [
  ...(['published', 'delivered', 'acknowledged', 'duplicate-absorbed', 'message-dropped'] as const),
  ...(['sent', 'landed', 'relayed'] as const),
];

describe.each(engines)('an event, on %s', (engine) => {
  let database: TestDatabase;
  let broker: TestDatabase;
  let app: TestingModule;
  let emitted: jest.SpyInstance<void, Parameters<IdempotentMqEvents['emit']>>;

  beforeEach(async () => {
    database = await createDatabase(engine);
    broker = await createDatabase(engine);
    emitted = jest.spyOn(IdempotentMqEvents.prototype, 'emit');
  });

  afterEach(async () => {
    emitted.mockRestore();
    await database.drop();
    await broker.drop();
  });

  const start = async (options: IdempotentMqOptions = {}) => {
    app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ ...database.options, entities: [CardTable], synchronize: true }),
        IdempotentMqModule.forRoot({ schema: 'ensure', relay: { pollMs: 20 }, ...options }),
      ],
      providers: [CardIssuing],
    }).compile();
    await app.init();
  };

  /** Two payments, one of them told of twice. @returns the types of what was made for them */
  const payAndClose = async () => {
    const cards = app.get(DataSource).getRepository(CardRow);
    const outbox = app.get(OutboxPublisher);
    for (const id of ['P-1', 'P-2', 'P-1']) {
      await outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
    }
    await until('both have their cards', async () => (await cards.count()) === 2);
    const left = () =>
      Promise.all((['outbox', 'delivery'] as const).map((table) => countRows(app.get(DataSource), table)));
    await until('nothing is left', async () => (await left()).every((rows) => rows === 0));
    await app.close();
    return emitted.mock.calls.map(([{ type }]) => type).filter((type) => PER_MESSAGE.includes(type));
  };

  const shapes: [string, () => IdempotentMqOptions][] = [
    ['in one database', () => ({})],
    ['with a broker apart', () => ({ broker: { dataSource: broker.options } })],
  ];

  it.each(shapes)('that nobody listens for is not made, %s', async (_, options) => {
    await start(options());
    expect(await payAndClose()).toEqual([]);
  });

  it.each(shapes)('is made for who listens for its type, and no other is, %s', async (_, options) => {
    await start(options());
    const heard: string[] = [];
    app
      .get(IdempotentMqEvents)
      .of('acknowledged')
      .subscribe(({ bizId }) => heard.push(bizId));
    expect(new Set(await payAndClose())).toEqual(new Set(['acknowledged']));
    expect(heard.sort()).toEqual(['P-1', 'P-2']);
  });

  it('is made for who listens for all of them', async () => {
    await start({ broker: { dataSource: broker.options } });
    app.get(IdempotentMqEvents).events$.subscribe();
    expect(new Set(await payAndClose())).toEqual(new Set(PER_MESSAGE));
  });

  it('is not made any more when who listened for it has gone', async () => {
    await start();
    app.get(IdempotentMqEvents).events$.subscribe().unsubscribe();
    expect(await payAndClose()).toEqual([]);
  });
});
