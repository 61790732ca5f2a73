import { Injectable } from '@nestjs/common';
import { Test } from '@nestjs/testing';
import { InjectDataSource, TypeOrmModule } from '@nestjs/typeorm';
import { filter, firstValueFrom, take, timeout, toArray } from 'rxjs';
import { DataSource } from 'typeorm';
import {
  DeliveryContext,
  IdempotentConsumer,
  IdempotentMqEvents,
  IdempotentMqModule,
  InjectOutboxPublisher,
  OutboxPublisher,
  type PayloadOf,
  getIdempotentMqEventsToken,
  getOutboxPublisherToken,
} from '../../src/index.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { Noted, note, storedBizIds } from './support/published.js';

const FAST = { schema: 'ensure', consumers: { pollMs: 20 } } as const;

@Injectable()
class Business {
  constructor(
    @InjectOutboxPublisher() readonly shop: OutboxPublisher,
    @InjectOutboxPublisher('billing') readonly billing: OutboxPublisher,
    @InjectDataSource() readonly shopDb: DataSource,
    @InjectDataSource('billing') readonly billingDb: DataSource,
  ) {}
}

@Injectable()
class Readers {
  readonly seen: string[] = [];

  @IdempotentConsumer(Noted, { group: 'reader' })
  readShop({ id }: PayloadOf<typeof Noted>, { manager }: DeliveryContext) {
    this.seen.push(`shop read ${id} from ${databaseOf(manager)}`);
  }

  @IdempotentConsumer(Noted, { group: 'reader', instance: 'billing' })
  readBilling({ id }: PayloadOf<typeof Noted>, { manager }: DeliveryContext) {
    this.seen.push(`billing read ${id} from ${databaseOf(manager)}`);
  }
}

function databaseOf({ dataSource }: DeliveryContext['manager']): string {
  return String(dataSource.options.database);
}

function acknowledged(events: IdempotentMqEvents, count: number): Promise<unknown> {
  return firstValueFrom(
    events.events$.pipe(
      filter(({ type }) => type === 'acknowledged'),
      take(count),
      toArray(),
      timeout(40_000),
    ),
  );
}

describe.each(engines)('named instances, on %s', (engine) => {
  let databases: TestDatabase[];

  beforeEach(async () => {
    databases = [await createDatabase(engine), await createDatabase(engine)];
  });

  afterEach(async () => {
    for (const database of databases) await database.drop();
  });

  it('publish and consume each in its own DataSource, and refuse the manager of the other', async () => {
    const [shop, billing] = databases as [TestDatabase, TestDatabase];
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot(shop.options),
        TypeOrmModule.forRoot({ ...billing.options, name: 'billing' }),
        IdempotentMqModule.forRoot(FAST),
        IdempotentMqModule.forRootAsync({
          name: 'billing',
          dataSource: 'billing',
          useFactory: () => FAST,
        }),
      ],
      providers: [Business, Readers],
    }).compile();
    const done = Promise.all([
      acknowledged(testing.get(IdempotentMqEvents), 1),
      acknowledged(testing.get(getIdempotentMqEventsToken('billing')), 1),
    ]);
    const app = await testing.init();
    const business = app.get(Business);
    expect(business.billing).toBe(app.get(getOutboxPublisherToken('billing')));
    expect(business.billing).not.toBe(business.shop);

    await business.shopDb.transaction((manager) => business.shop.publish(Noted, note('s'), { manager }));
    await business.billingDb.transaction((manager) =>
      business.billing.publish(Noted, note('b'), { manager }),
    );
    await done;
    expect(app.get(Readers).seen.sort()).toEqual([
      `billing read b from ${String(billing.options.database)}`,
      `shop read s from ${String(shop.options.database)}`,
    ]);

    const wrong = business.billingDb.transaction((manager) =>
      business.shop.publish(Noted, note('x'), { manager }),
    );
    await expect(wrong).rejects.toMatchObject({ code: 'TRANSACTION_REQUIRED' });
    await app.close();
  });

  it('share a DataSource with a table prefix each, and a transaction', async () => {
    const [shop] = databases as [TestDatabase];
    const testing = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot(shop.options),
        IdempotentMqModule.forRoot({ ...FAST, roles: { consume: false } }),
        IdempotentMqModule.forRoot({
          ...FAST,
          name: 'audit',
          tablePrefix: 'audit_mq_',
          roles: { consume: false },
        }),
      ],
    }).compile();
    const app = await testing.init();
    const dataSource = app.get(DataSource);
    const main = app.get(OutboxPublisher);
    const audit = app.get<OutboxPublisher>(getOutboxPublisherToken('audit'));
    await dataSource.transaction(async (manager) => {
      await main.publish(Noted, note('m'), { manager });
      await audit.publishAll(Noted, [note('a1'), note('a2')], { manager });
    });
    const failing = dataSource.transaction(async (manager) => {
      await main.publish(Noted, note('x'), { manager });
      await audit.publish(Noted, note('x'), { manager });
      throw new Error('rolled back');
    });
    await expect(failing).rejects.toThrow('rolled back');
    expect(await storedBizIds(dataSource)).toEqual(['m']);
    expect(await storedBizIds(dataSource, 'audit_mq_')).toEqual(['a1', 'a2']);
    await app.close();
  });
});
