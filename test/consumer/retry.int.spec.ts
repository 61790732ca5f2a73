import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { letPass } from '../support/tables.js';

class Declined extends Error {}

@Injectable()
class Refunds {
  runs = 0;

  @IdempotentConsumer(PaymentSucceeded, {
    group: 'refunds',
    retry: {
      attempts: 4,
      delayMs: 60_000,
      maxDelayMs: 100_000,
      retryIf: (error) => !(error instanceof Declined),
    },
  })
  refund({ paymentId }: PayloadOf<typeof PaymentSucceeded>, _delivery: DeliveryContext): void {
    this.runs++;
    throw paymentId === 'declined' ? new Declined('by the bank') : new Error('the bank is closed');
  }
}

describe.each(engines)('a delivery that fails, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let random: jest.SpyInstance;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { providers: [Refunds] });
  });

  afterEach(async () => {
    random?.mockRestore();
    await app.close();
    await database.drop();
  });

  const publish = (id: string) => app.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });

  it.each([
    [0, [30_000, 50_000, 50_000]],
    [0.999999999, [60_000, 100_000, 100_000]],
  ])(
    'waits exactly as its policy says, where the jitter draws %d, and no shorter',
    async (drawn, schedule) => {
      random = jest.spyOn(Math, 'random').mockReturnValue(drawn);
      await publish('P-1');
      for (const [i, delayMs] of schedule.entries()) {
        const scheduled = await app.events('retry-scheduled', i + 1);
        expect(scheduled.at(-1)).toMatchObject({ failures: i + 1, delayMs });
        const [due] = await app.brokerDataSource.query(
          `SELECT w.due_at - m.landed_at AS waited FROM mq_waiting w JOIN mq_message m ON m.seq = w.seq`,
        );
        // From the failure on, so a little longer from the landing; times that passed since are taken off both.
        expect(Number(due.waited)).toBeGreaterThanOrEqual(delayMs * 1_000);
        await letPass(app.brokerDataSource, delayMs);
      }
      const [dead] = await app.events('dead-lettered');
      expect(dead).toMatchObject({ reason: 'failed' });
      expect(app.nest.get(Refunds).runs).toBe(4);
    },
  );

  it('goes to the dead letters at once where the predicate says that another attempt is of no use', async () => {
    await publish('declined');
    const [dead] = await app.events('dead-lettered');
    expect(dead).toMatchObject({ reason: 'rejected', bizId: 'declined' });
    expect(app.nest.get(Refunds).runs).toBe(1);
  });
});
