import { Injectable } from '@nestjs/common';
import { type DeliveryContext, Forgetting, IdempotentConsumer } from '../../src/index.js';
import { DAY_MS, HOUR_MS } from '../relay/parts.js';
import { type TestApp, startApp } from '../support/app.js';
import { type Payment, PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { letPass } from '../support/tables.js';

// Property: nobody knows what may still come to `IdempotentExecutor`, so its rows are kept for a time and go then.

@Injectable()
class Shared {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', scenario: 'shared' })
  async issue(_paid: Payment, _delivery: DeliveryContext) {}
}

describe.each(engines)('what IdempotentExecutor remembers, on %s,', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    // What is forgotten is older than that by the slack, too.
    const slackMs = HOUR_MS;
    const retention = {
      slackMs,
      dedupMs: 10 * DAY_MS,
      executors: { webhooks: 3 * DAY_MS, shared: 3 * DAY_MS },
    };
    app = await startApp(database, {
      providers: [Shared],
      options: { roles: { sweep: false }, retention },
    });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const run = async (scenario: string) =>
    (await app.executor.run({ scenario, bizId: 'B-1' }, async () => undefined)).executed;
  const forget = async (days: number) => {
    await letPass(app.dataSource, days * DAY_MS);
    await app.nest.get(Forgetting).forget();
  };

  it('is known for retention.dedupMs, or for the time that its scenario has', async () => {
    expect([await run('imports'), await run('webhooks')]).toEqual([true, true]);
    await forget(2.9);
    expect([await run('imports'), await run('webhooks')]).toEqual([false, false]);
    await forget(0.2);
    expect([await run('imports'), await run('webhooks')]).toEqual([false, true]);
    await forget(6.8);
    expect(await run('imports')).toBe(false);
    await forget(0.2);
    expect(await run('imports')).toBe(true);
  });

  it('is known for as long as a consumer knows it, where they share a scenario', async () => {
    await run('shared');
    await forget(9);
    expect(await run('shared')).toBe(false);
    // A consumer's row waits for its messages, too.
    await app.broker.groups.pause({ group: 'cards' });
    await app.outbox.publish(PaymentSucceeded, payment('B-1'), { standalone: true });
    await forget(40);
    expect(await run('shared')).toBe(false);
    await app.broker.groups.resume({ group: 'cards' });
    await app.events('duplicate-absorbed');
    await forget(12);
    expect(await run('shared')).toBe(true);
  });

  it('is known for as long as any process was set to know it, also to one that is set to less', async () => {
    await run('webhooks');
    const other = await startApp(database, {
      options: {
        roles: { sweep: false, consume: false },
        retention: { slackMs: HOUR_MS, dedupMs: 2 * DAY_MS },
      },
    });
    await letPass(app.dataSource, 2.5 * DAY_MS);
    await other.nest.get(Forgetting).forget();
    expect(await run('webhooks')).toBe(false);
    await letPass(app.dataSource, 1 * DAY_MS);
    await other.nest.get(Forgetting).forget();
    expect(await run('webhooks')).toBe(true);
    await other.close();
  });

  it('stays where a work tore its own transaction, until somebody has put that right', async () => {
    await run('webhooks');
    await app.dataSource.query('UPDATE mq_dedup SET result = NULL');
    await forget(100);
    await expect(run('webhooks')).rejects.toThrow(expect.objectContaining({ code: 'SCOPE_TORN' }));
  });

  it('is reported as its own', async () => {
    await run('webhooks');
    await letPass(app.dataSource, 4 * DAY_MS);
    const reports = await app.nest.get(Forgetting).report();
    expect(reports).toContainEqual(
      expect.objectContaining({
        scenario: 'named/webhooks',
        kind: 'executor',
        retentionMs: 3 * DAY_MS,
        rows: 1,
        wouldGo: 1,
        heldBackBy: undefined,
      }),
    );
  });
});
