import { Injectable, Logger, type Type } from '@nestjs/common';
import { type DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type CrashMatrixOptions, type MatrixRun, crashMatrix } from '../../src/testing/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentRow, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';

// Each failure is on purpose.
Logger.overrideLogger(false);
jest.setTimeout(60_000);

/** What a matrix lists as passed has happened. What has not come about is left out, and it says why. */

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, { manager, group }: DeliveryContext) {
    await manager.insert(CardRow, { paymentId, issuedBy: group });
  }
}

@Injectable()
class CardsOneByOne extends Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'one-by-one', concurrency: 1 })
  override issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    return super.issue(paid, delivery);
  }
}

const AT_ONCE = 'the same biz-id is delivered twice at the same time';
const REPEATED = 'the same is published twice, as by a client that repeats its request';

describe('crashMatrix', () => {
  let database: TestDatabase;
  let app: TestApp;

  const report = async (handler: Type, publish: CrashMatrixOptions['publish']) => {
    database = await createDatabase('sqlite');
    app = await startApp(database, {
      entities: [CardTable, PaymentTable],
      providers: [handler],
      options: { consumers: { pollMs: 10 } },
    });
    const observe = ({ id }: MatrixRun) => app.dataSource.getRepository(CardRow).countBy({ paymentId: id });
    const { passed, leftOut } = await crashMatrix(app.nest, { publish, observe });
    const about = (what: string) => (points: readonly string[]) => points.filter((p) => p.includes(what));
    return {
      atOnce: [passed, leftOut].map(about(AT_ONCE)),
      repeated: [passed, leftOut].map(about(REPEATED)),
    };
  };

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const publish = ({ id }: MatrixRun, options = {}) =>
    app.outbox.publish(PaymentSucceeded, payment(id), { standalone: true, ...options });
  /** As payment systems do: the payment's own key refuses a second one. */
  const charge = ({ id }: MatrixRun) =>
    app.dataSource.transaction(async (manager) => {
      await manager.insert(PaymentRow, { paymentId: id, amount: 900 });
      await app.outbox.publish(PaymentSucceeded, payment(id), { manager });
    });

  it('lists both as passed where both have happened', async () => {
    const { atOnce, repeated } = await report(Cards, publish);
    expect(atOnce).toEqual([[expect.stringMatching(/^Cards\.issue /)], []]);
    expect(repeated).toEqual([[REPEATED], []]);
  });

  it('leaves out two at the same time where a consumer handles one after the other', async () => {
    const { atOnce, repeated } = await report(CardsOneByOne, publish);
    expect(atOnce).toEqual([[], [expect.stringMatching(/: the second one did not come within 1000 ms/)]]);
    expect(repeated).toEqual([[REPEATED], []]);
  });

  it('leaves out two at the same time where they have an ordering key', async () => {
    const { atOnce } = await report(Cards, (run) => publish(run, { orderingKey: run.id }));
    expect(atOnce).toEqual([[], [expect.stringMatching(/: the second one did not come within 1000 ms/)]]);
  });

  it('leaves out a repeat that the publisher refuses, with its reason', async () => {
    const { repeated } = await report(Cards, charge);
    expect(repeated).toEqual([
      [],
      [expect.stringMatching(/: publish refused the second one \(QueryFailedError: .*UNIQUE constraint/)],
    ]);
  });

  it('leaves out a repeat that the publisher passes over in silence', async () => {
    const { repeated } = await report(Cards, (run) => charge(run).catch(() => undefined));
    expect(repeated).toEqual([[], [`${REPEATED}: publish published nothing the second time`]]);
  });
});
