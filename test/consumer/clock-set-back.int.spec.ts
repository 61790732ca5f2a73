import { Injectable } from '@nestjs/common';
import { IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

/** What comes back below the cursor of a worker is found within a second, whatever becomes of the process's clock. */

@Injectable()
class CardIssuing {
  broken = true;

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', retry: { attempts: 1 } })
  issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>): void {
    if (paymentId === 'P-1' && this.broken) throw new Error('out of cards');
  }
}

describe.each(engines)('a worker whose clock is set back by an hour, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { providers: [CardIssuing] });
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app.close();
    await database.drop();
  });

  it('still looks at what an operator requeues', async () => {
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await app.events('dead-lettered');
    const real = Date.now.bind(Date);
    jest.spyOn(Date, 'now').mockImplementation(() => real() - 3_600_000);
    await app.outbox.publish(PaymentSucceeded, payment('P-2'), { standalone: true });
    await app.events('acknowledged');
    app.nest.get(CardIssuing).broken = false;
    expect(await app.broker.deadLetters.requeue({ bizId: 'P-1' })).toBe(1);
    await app.events('acknowledged', 1, ({ bizId }) => bizId === 'P-1');
  });
});
