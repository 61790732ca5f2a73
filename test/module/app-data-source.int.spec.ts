import { Injectable, type INestApplicationContext } from '@nestjs/common';
import { InjectRepository, TypeOrmModule, getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource, Repository } from 'typeorm';
import {
  DeliveryContext,
  IdempotentConsumer,
  IdempotentMqModule,
  OutboxPublisher,
  type PayloadOf,
} from '../../src/index.js';
import { CardRow, CardTable, PaymentRow, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { numbered } from '../support/broker.js';
import { listen, quick, startModules, typeOrm } from './support/start-modules.js';

/** The app's own way of using TypeORM goes on working, and is as safe as the library's. */

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    const cards = delivery.manager.getRepository(CardRow);
    await cards.save(cards.create({ paymentId, issuedBy: delivery.group }));
  }
}

@Injectable()
class Payments {
  constructor(
    @InjectRepository(PaymentTable) readonly payments: Repository<PaymentRow>,
    private readonly outbox: OutboxPublisher,
  ) {}

  /** @throws on purpose for what is not meant to be paid */
  async pay(paymentId: string, isMeant: boolean): Promise<void> {
    await this.payments.manager.transaction(async (manager) => {
      await manager.insert(PaymentRow, { paymentId, amount: 100 });
      await this.outbox.publish(PaymentSucceeded, payment(paymentId), { manager });
      if (!isMeant) throw new Error(`${paymentId} was declined`);
    });
  }
}

describe.each(engines)('an app with autoLoadEntities and injected repositories, on %s', (engine) => {
  let database: TestDatabase;
  let nest: INestApplicationContext;

  beforeEach(async () => {
    database = await createDatabase(engine);
    nest = await startModules({
      imports: [
        typeOrm(database, { autoLoadEntities: true }),
        TypeOrmModule.forFeature([PaymentTable, CardTable]),
        IdempotentMqModule.forRoot(quick),
      ],
      providers: [Payments, CardIssuing],
    });
  });

  afterEach(async () => {
    await nest.close();
    await database.drop();
  });

  it('issues a card through delivery.manager.getRepository', async () => {
    const event = listen(nest);
    await nest.get(Payments).pay('P-1', true);
    await event('acknowledged');
    const cards = nest.get<DataSource>(getDataSourceToken()).getRepository(CardRow);
    expect(await cards.find()).toEqual([{ id: 1, paymentId: 'P-1', issuedBy: 'card-issuing' }]);
  });

  it('keeps 50 concurrent transactions of an injected repository apart, every second of which rolls back', async () => {
    const event = listen(nest);
    const { payments } = nest.get(Payments);
    const ids = numbered(50, 'P');
    const paid = await Promise.allSettled(ids.map((id, i) => nest.get(Payments).pay(id, i % 2 === 0)));
    const kept = ids.filter((_, i) => i % 2 === 0).sort();
    expect(paid.filter(({ status }) => status === 'fulfilled')).toHaveLength(25);
    expect((await payments.find()).map(({ paymentId }) => paymentId).sort()).toEqual(kept);
    await event('acknowledged', 25);
    const cards = await nest.get<DataSource>(getDataSourceToken()).getRepository(CardRow).find();
    expect(cards.map(({ paymentId }) => paymentId).sort()).toEqual(kept);
  });
});
