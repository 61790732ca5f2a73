import { Injectable } from '@nestjs/common';
import { firstValueFrom, filter, merge, take, timeout, toArray } from 'rxjs';
import { Test } from '@nestjs/testing';
import { TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import {
  DeliveryContext,
  IdempotentConsumer,
  type IdempotentMqEvents,
  IdempotentMqModule,
  type OutboxPublisher,
  type PayloadOf,
  getIdempotentMqEventsToken,
  getOutboxPublisherToken,
} from '../../src/index.js';
import { CardRow, CardTable, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, emptyDatabase, engines } from '../support/engines.js';
import { count, tableNamesOf, tablesWith } from './support/tables-of.js';

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', instance: 'shop' })
  async forShop(paid: PayloadOf<typeof PaymentSucceeded>, { manager }: DeliveryContext) {
    await manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: 'shop' });
  }

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', instance: 'stock' })
  async forStock(paid: PayloadOf<typeof PaymentSucceeded>, { manager }: DeliveryContext) {
    await manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: 'stock' });
  }
}

const instance = (name: string) =>
  IdempotentMqModule.forRoot({ name, tablePrefix: `${name}_`, schema: 'ensure', consumers: { pollMs: 20 } });

describe.each(engines)('two instances on one DataSource on %s', (engine) => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await emptyDatabase(engine);
  });

  afterEach(() => database.drop());

  it('each deliver what was published through them, once, from tables of their own', async () => {
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({ ...database.options, entities: [CardTable], synchronize: true }),
        instance('shop'),
        instance('stock'),
      ],
      providers: [Cards],
    }).compile();
    const events = (name: string) =>
      testing.get<IdempotentMqEvents>(getIdempotentMqEventsToken(name)).events$;
    const happen = (type: string, times: number) =>
      firstValueFrom(
        merge(events('shop'), events('stock')).pipe(
          filter((event) => event.type === type),
          take(times),
          toArray(),
          timeout(40_000),
        ),
      );
    const done = Promise.all([happen('acknowledged', 3), happen('message-dropped', 2)]);
    const app = await testing.init();
    const dataSource = app.get<DataSource>(getDataSourceToken());
    const outbox = (name: string) => app.get<OutboxPublisher>(getOutboxPublisherToken(name));

    // The same payment through both: biz-ids of one instance mean nothing to the other.
    await dataSource.transaction(async (manager) => {
      await outbox('shop').publish(PaymentSucceeded, payment('P-1'), { manager });
      await outbox('stock').publish(PaymentSucceeded, payment('P-1'), { manager });
    });
    await outbox('shop').publish(PaymentSucceeded, payment('P-2'), { standalone: true });
    await done;

    const cards = await dataSource
      .getRepository(CardRow)
      .find({ order: { paymentId: 'ASC', issuedBy: 'ASC' } });
    expect(cards.map(({ paymentId, issuedBy }) => `${paymentId} ${issuedBy}`)).toEqual([
      'P-1 shop',
      'P-1 stock',
      'P-2 shop',
    ]);
    expect(await count(dataSource, 'shop_dedup')).toBe(2);
    expect(await count(dataSource, 'stock_dedup')).toBe(1);
    expect(await tableNamesOf(dataSource)).toEqual(
      ['card', ...tablesWith('shop_'), ...tablesWith('stock_')].sort(),
    );
    await app.close();
  });
});
