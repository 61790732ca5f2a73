import { Injectable } from '@nestjs/common';
import { IdempotentConsumer } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { until } from '../support/until.js';

// Property: an idle worker asks for what is behind the last delivery that it had. Rows that were deleted before it cost time for
// as long as somebody's old read view needs them, and it asks several times a second.

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue(): Promise<void> {}
}

describe.each(engines)('an idle worker, on %s,', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { providers: [Cards] });
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app.close();
    await database.drop();
  });

  it('goes back to the start once a second, and asks for what is new in between', async () => {
    const payments = Array.from({ length: 20 }, (_, i) => payment(`P-${i}`));
    await app.outbox.publishAll(PaymentSucceeded, payments, { standalone: true });
    await app.events('acknowledged', payments.length);
    const polls: { after: number; at: number }[] = [];
    const poll = app.broker.poll.bind(app.broker);
    jest.spyOn(app.broker, 'poll').mockImplementation((subscription, after) => {
      polls.push({ after, at: performance.now() });
      return poll(subscription, after);
    });
    // For some tenths of a second it also asks from where it was before it had anything, which is the start.
    const idleFrom = performance.now() + 1_000;
    const fromStart = () => polls.filter(({ after, at }) => after === 0 && at > idleFrom);
    await until('it has gone back twice', () => fromStart().length >= 2 && polls.length >= 12);
    const [first, second] = fromStart();
    const between = polls.slice(polls.indexOf(first!) + 1, polls.indexOf(second!));
    expect(second!.at - first!.at).toBeGreaterThanOrEqual(990);
    expect(between.length).toBeGreaterThanOrEqual(1);
    for (const { after } of between) expect(after).toBeGreaterThan(0);
  });
});
