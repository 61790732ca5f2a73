import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { CardIssuing } from '../readme/card-issuing.js';
import { Card, Payment } from '../readme/entities.js';
import { PaymentSucceeded } from '../readme/payment-succeeded.js';
import { Payments } from '../readme/payments.service.js';
// #region integration
import { IdempotentMqModule, OutboxPublisher } from '../../src/index.js';
import { MqTestHarness } from '../../src/testing/index.js';

describe('a payment', () => {
  let app: TestingModule;
  let harness: MqTestHarness;

  beforeEach(async () => {
    app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'better-sqlite3',
          database: ':memory:',
          entities: [Payment, Card],
          synchronize: true,
        }),
        IdempotentMqModule.forRoot({ schema: 'ensure' }),
      ],
      providers: [Payments, CardIssuing],
    }).compile();
    await app.init(); // starts the consumers
    harness = new MqTestHarness(app);
  });

  afterEach(() => app.close());

  const cards = () => app.get(DataSource).getRepository(Card).countBy({ paymentId: 'P-1' });

  it('gets one card', async () => {
    await app.get(Payments).charge('P-1', 'u-1', 900);
    harness.expectPublished(PaymentSucceeded, { bizId: 'P-1', payload: { amount: 900 } });
    await harness.drain(); // until its handlers are through
    expect(await harness.deadLetters()).toEqual([]);
    expect(await cards()).toBe(1);
  });

  it('gets no second card when its message comes again', async () => {
    await app.get(Payments).charge('P-1', 'u-1', 900);
    await harness.drain();
    await harness.redeliver(PaymentSucceeded, { bizId: 'P-1' });
    await harness.drain();
    expect(await cards()).toBe(1);
  });

  it('gets its card a day later', async () => {
    const payment = { paymentId: 'P-1', userId: 'u-1', amount: 900 };
    const aDay = { delayMs: 86_400_000, standalone: true };
    await app.get(OutboxPublisher).publish(PaymentSucceeded, payment, aDay);
    await harness.drain(); // does not wait for what is not due
    expect(await cards()).toBe(0);
    await harness.jumpClock(86_400_000);
    await harness.drain();
    expect(await cards()).toBe(1);
  });
});
// #endregion
