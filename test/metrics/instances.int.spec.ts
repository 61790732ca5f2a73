import { Test } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { Registry } from 'prom-client';
import {
  IdempotentMqBrokerModule,
  IdempotentMqEvents,
  IdempotentMqModule,
  OutboxPublisher,
  getOutboxPublisherToken,
} from '../../src/index.js';
import { IdempotentMqPrometheusModule } from '../../src/prometheus/index.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { Scrape } from './scrape.js';

describe.each(engines)('metrics of several instances in one registry, on %s', (engine) => {
  let shop: TestDatabase;
  let billing: TestDatabase;

  beforeEach(async () => {
    shop = await createDatabase(engine);
    billing = await createDatabase(engine);
  });

  afterEach(async () => {
    await shop.drop();
    await billing.drop();
  });

  it('are told apart', async () => {
    const registry = new Registry();
    const app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot(shop.options),
        TypeOrmModule.forRoot({ ...billing.options, name: 'billing' }),
        IdempotentMqModule.forRoot({ schema: 'ensure' }),
        IdempotentMqModule.forRoot({ schema: 'ensure', name: 'billing', dataSource: 'billing' }),
        IdempotentMqPrometheusModule.forRoot({ registry }),
        IdempotentMqPrometheusModule.forRoot({ registry, instance: 'billing' }),
      ],
    }).compile();
    await app.init();
    const publishers = [
      app.get(OutboxPublisher),
      app.get<OutboxPublisher>(getOutboxPublisherToken('billing')),
    ];
    const [ofShop, ofBilling] = publishers;
    await ofShop!.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await ofBilling!.publishAll(PaymentSucceeded, [payment('P-2'), payment('P-3')], { standalone: true });
    const scrape = await Scrape.from(registry);
    const both = ['default', 'billing'].map((mq_instance) => ({
      published: scrape.value('idempotent_mq_published_total', { mq_instance }),
      parked: scrape.value('idempotent_mq_parked_messages', { mq_instance }),
    }));
    expect(both).toEqual([
      { published: 1, parked: 1 },
      { published: 2, parked: 2 },
    ]);
    await app.close();
  });

  it('are had of a broker that is a service, too', async () => {
    const registry = new Registry();
    const service = await Test.createTestingModule({
      imports: [
        IdempotentMqBrokerModule.forRoot({ dataSource: shop.options, schema: 'ensure', listen: { port: 0 } }),
        IdempotentMqPrometheusModule.forRoot({ registry }),
      ],
    }).compile();
    await service.init();
    const app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot(billing.options),
        IdempotentMqModule.forRoot({
          schema: 'ensure',
          broker: { url: service.get(IdempotentMqBrokerModule).url! },
          relay: { pollMs: 20 },
        }),
      ],
    }).compile();
    await app.init();
    const landed = new Promise((resolve) => {
      service.get(IdempotentMqEvents).of('landed').subscribe(resolve);
    });
    await app.get(OutboxPublisher).publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await landed;
    const scrape = await Scrape.from(registry);
    expect(scrape.value('idempotent_mq_landed_total', { topic: 'payment.succeeded' })).toBe(1);
    expect(scrape.value('idempotent_mq_parked_messages', { topic: 'payment.succeeded' })).toBe(1);
    await app.close();
    await service.close();
  });
});
