import { type INestApplicationContext, Injectable } from '@nestjs/common';
import { getDataSourceToken } from '@nestjs/typeorm';
import type { DataSource } from 'typeorm';
import {
  type BrokerService,
  DeliveryContext,
  IdempotentConsumer,
  type IdempotentExecutor,
  IdempotentMqModule,
  InjectOutboxPublisher,
  OutboxPublisher,
  getBrokerServiceToken,
  getIdempotentExecutorToken,
  getOutboxPublisherToken,
} from '../../src/index.js';
import { CardRow, CardTable, type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { startBroker } from '../support/broker.js';
import { startApp } from '../support/app.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { logLines } from '../support/log-lines.js';
import { countRows } from '../support/tables.js';
import { listen, quick, startModules, typeOrm } from './support/start-modules.js';

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: Payment, delivery: DeliveryContext): Promise<void> {
    await delivery.manager.insert(CardRow, { paymentId, issuedBy: 'default' });
  }

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', instance: 'abroad' })
  async issueAbroad({ paymentId }: Payment, delivery: DeliveryContext): Promise<void> {
    await delivery.manager.insert(CardRow, { paymentId, issuedBy: 'abroad' });
  }
}

@Injectable()
class Payments {
  constructor(
    readonly outbox: OutboxPublisher,
    @InjectOutboxPublisher('abroad') readonly outboxAbroad: OutboxPublisher,
  ) {}
}

describe.each(engines)('two instances on two DataSources, on %s', (engine) => {
  let databases: TestDatabase[];
  let nest: INestApplicationContext;
  let lines: string[];

  beforeEach(async () => {
    lines = logLines();
    databases = [await createDatabase(engine), await createDatabase(engine)];
    nest = await startModules({
      imports: [
        typeOrm(databases[0]!, { entities: [CardTable] }),
        { ...typeOrm(databases[1]!, { name: 'far', entities: [CardTable] }) },
        IdempotentMqModule.forRoot(quick),
        IdempotentMqModule.forRootAsync({ name: 'abroad', dataSource: 'far', useFactory: () => quick }),
      ],
      providers: [CardIssuing, Payments],
    });
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await nest.close();
    for (const database of databases) await database.drop();
  });

  const issuedBy = async (dataSource?: string) => {
    const cards = nest.get<DataSource>(getDataSourceToken(dataSource)).getRepository(CardRow);
    return (await cards.find()).map((card) => `${card.paymentId} ${card.issuedBy}`);
  };

  it('each serve their own publishers and consumers', async () => {
    const [atHome, abroad] = [listen(nest), listen(nest, 'abroad')];
    const { outbox, outboxAbroad } = nest.get(Payments);
    expect(outboxAbroad).not.toBe(outbox);
    expect(nest.get(getOutboxPublisherToken('abroad'))).toBe(outboxAbroad);
    await outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await outboxAbroad.publish(PaymentSucceeded, payment('P-2'), { standalone: true });
    await Promise.all([atHome('acknowledged'), abroad('acknowledged')]);
    expect(await issuedBy()).toEqual(['P-1 default']);
    expect(await issuedBy('far')).toEqual(['P-2 abroad']);
  });

  it('refuse a transaction of the other one’s DataSource', async () => {
    const { outbox } = nest.get(Payments);
    const far = nest.get<DataSource>(getDataSourceToken('far'));
    await expect(
      far.transaction((manager) => outbox.publish(PaymentSucceeded, payment('P-1'), { manager })),
    ).rejects.toThrow();
    expect(await countRows(far, 'message')).toBe(0);
    expect(await countRows(nest.get<DataSource>(getDataSourceToken()), 'message')).toBe(0);
  });

  it('say so where one publishes in the work of the other without a manager', async () => {
    const executor = nest.get<IdempotentExecutor>(getIdempotentExecutorToken('abroad'));
    const run = executor.run({ scenario: 'by-hand', bizId: 'P-4' }, () =>
      nest.get(Payments).outbox.publish(PaymentSucceeded, payment('P-4')),
    );
    await expect(run).rejects.toMatchObject({ code: 'TRANSACTION_REQUIRED' });
    await expect(run).rejects.toThrow(/biz-id P-4 .* is of another DataSource .*another instance/);
  });

  it('are named in the log', () => {
    expect(lines).toContain(
      'log: Consuming: CardIssuing.issueAbroad (group card-issuing, topic payment.succeeded, instance abroad)',
    );
    expect(lines).toContain(
      'log: Consuming: CardIssuing.issue (group card-issuing, topic payment.succeeded)',
    );
  });

  it('each have their own broker and executor', async () => {
    const brokers = [undefined, 'abroad'].map((name) => nest.get<BrokerService>(getBrokerServiceToken(name)));
    expect(brokers[0]).not.toBe(brokers[1]);
    const executor = nest.get<IdempotentExecutor>(getIdempotentExecutorToken('abroad'));
    await executor.run({ scenario: 'by-hand', bizId: 'P-3' }, (manager) =>
      manager.insert(CardRow, { paymentId: 'P-3', issuedBy: 'executor' }),
    );
    expect(await issuedBy()).toEqual([]);
    expect(await issuedBy('far')).toEqual(['P-3 executor']);
  });
});

describe.each(engines)('an app whose roles say consume: false, on %s', (engine) => {
  it('publishes and consumes nothing; an app on the same database consumes it', async () => {
    const database = await createDatabase(engine);
    const providers = [HomeIssuing];
    const worker = await startApp(database, { entities: [CardTable], providers });
    const web = await startBroker(database, {
      entities: [CardTable],
      providers,
      options: { roles: { consume: false, sweep: false } },
    });
    try {
      await web.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
      await worker.events('acknowledged');
      expect(web.seen.map(({ type }) => type)).toEqual(['published']);
      expect(await web.dataSource.getRepository(CardRow).count()).toBe(1);
    } finally {
      await web.close();
      await worker.close();
      await database.drop();
    }
  });
});

@Injectable()
class HomeIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: Payment, delivery: DeliveryContext): Promise<void> {
    await delivery.manager.insert(CardRow, { paymentId, issuedBy: 'worker' });
  }
}
