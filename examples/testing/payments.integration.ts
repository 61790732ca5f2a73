import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { CardIssuing } from '../readme/card-issuing.js';
import { Card, Payment } from '../readme/entities.js';
import { Payments } from '../readme/payments.service.js';
// #region integration
import { filter, firstValueFrom } from 'rxjs';
import { IdempotentMqEvents, IdempotentMqModule } from '../../src/index.js';

describe('a payment', () => {
  let app: TestingModule;

  beforeEach(async () => {
    app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'better-sqlite3',
          database: ':memory:',
          entities: [Payment, Card],
          synchronize: true,
        }),
        IdempotentMqModule.forRoot({ schema: 'ensure', consumers: { retry: { attempts: 1 } } }),
      ],
      providers: [Payments, CardIssuing],
    }).compile();
    await app.init(); // starts the consumers
  });

  afterEach(() => app.close());

  it('gets one card', async () => {
    const { events$ } = app.get(IdempotentMqEvents);
    const ended = ['acknowledged', 'dead-lettered'];
    const end = firstValueFrom(events$.pipe(filter(({ type }) => ended.includes(type)))); // before publishing
    await app.get(Payments).charge('P-1', 'u-1', 900);
    expect(await end).toMatchObject({ type: 'acknowledged', bizId: 'P-1' });
    expect(await app.get(DataSource).getRepository(Card).countBy({ paymentId: 'P-1' })).toBe(1);
  });
});
// #endregion
