import { Injectable } from '@nestjs/common';
import { SubscriptionWorker } from '../../src/consumer/subscription-worker.js';
import { IdempotentConsumer } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { until } from '../support/until.js';

// Property: a process whose group is removed says so, once, wherever its broker is.

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  issue(): void {}
}

describe.each(engines)('a worker whose group is removed, on %s,', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { providers: [Cards], options: { consumers: { pollMs: 5 } } });
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app.close();
    await database.drop();
  });

  it('says so once, and goes on asking for nothing', async () => {
    const { name: topic } = PaymentSucceeded;
    await app.broker.removeSubscription({ topic, group: 'cards', version: 1 });
    const [told] = await app.events('worker-error');
    expect(told).toMatchObject({ topic, group: 'cards', error: expect.stringContaining('was removed') });
    const looks = jest.spyOn(SubscriptionWorker.prototype as unknown as { poll(): unknown }, 'poll');
    await until('it has looked ten times more', () => looks.mock.calls.length >= 10);
    expect(app.seen.filter(({ type }) => type === 'worker-error')).toHaveLength(1);
  });
});
