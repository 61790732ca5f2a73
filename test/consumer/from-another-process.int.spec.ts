import { Injectable } from '@nestjs/common';
import { IdempotentConsumer } from '../../src/index.js';
import { startApart } from '../relay/support.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

// Property: who has found what another process published looks soon again. Here that is seconds at most, as against an hour.

const HOUR_MS = 3_600_000;

@Injectable()
class Cards {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue(): Promise<void> {}
}

describe.each(engines)('what another process publishes, on %s,', (engine) => {
  let apps: TestApp[];
  let databases: TestDatabase[];

  beforeEach(() => {
    apps = [];
    databases = [];
  });

  afterEach(async () => {
    for (const app of apps) await app.close();
    for (const database of databases) await database.drop();
  });

  const database = async () => {
    const created = await createDatabase(engine);
    databases.push(created);
    return created;
  };
  const started = async (starting: Promise<TestApp>) => {
    const app = await starting;
    apps.push(app);
    return app;
  };

  it('is found soon after the last that was', async () => {
    const shared = await database();
    const roles = { consume: false, sweep: false };
    const publishing = await started(startApp(shared, { providers: [], options: { roles } }));
    const publish = (id: string) =>
      publishing.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
    await publish('P-0');
    const options = { consumers: { pollMs: HOUR_MS } };
    const consuming = await started(startApp(shared, { providers: [Cards], options }));
    for (const id of ['P-1', 'P-2', 'P-3']) {
      await publish(id);
      await consuming.events('acknowledged', 1, ({ bizId }) => bizId === id);
    }
  });

  it('is found soon by a relay, too', async () => {
    const pair = { business: await database(), broker: await database() };
    const options = { roles: { relay: false, consume: false, sweep: false } };
    const publishing = await started(startApart(pair, { providers: [], options }));
    const publish = (id: string) =>
      publishing.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
    await publish('P-0');
    const relaying = await started(
      startApart(pair, { providers: [Cards], options: { relay: { pollMs: HOUR_MS } } }),
    );
    for (const id of ['P-1', 'P-2', 'P-3']) {
      await publish(id);
      await relaying.events('acknowledged', 1, ({ bizId }) => bizId === id);
    }
  });
});
