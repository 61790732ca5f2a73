import { Logger } from '@nestjs/common';
import { Test, type TestingModule } from '@nestjs/testing';
import { TypeOrmModule } from '@nestjs/typeorm';
import { DataSource } from 'typeorm';
import { CardIssuing } from '../readme/card-issuing.js';
import { Card, Payment } from '../readme/entities.js';
import { Payments } from '../readme/payments.service.js';
// #region crash-matrix
import { IdempotentMqModule } from '../../src/index.js';
import { crashMatrix } from '../../src/testing/index.js';

describe('the handlers of this app', () => {
  let app: TestingModule;

  beforeAll(async () => {
    Logger.overrideLogger(false); // each failure is on purpose
    app = await Test.createTestingModule({
      imports: [
        TypeOrmModule.forRoot({
          type: 'better-sqlite3',
          database: ':memory:',
          entities: [Payment, Card],
          synchronize: true,
        }),
        IdempotentMqModule.forRoot({ schema: 'ensure', consumers: { pollMs: 10 } }),
      ],
      providers: [Payments, CardIssuing],
    }).compile();
    await app.init();
  });

  afterAll(() => app.close());

  it('issue one card, wherever they are cut off', async () => {
    const { passed } = await crashMatrix(app, {
      publish: ({ id }) => app.get(Payments).charge(id, 'u-1', 900),
      observe: ({ id }) => app.get(DataSource).getRepository(Card).countBy({ paymentId: id }),
    });
    expect(passed).toContain(
      'CardIssuing.issue (group card-issuing, topic payment.succeeded), statement 4 of 4 (COMMIT): the process dies before it',
    );
  }, 60_000);
});
// #endregion
