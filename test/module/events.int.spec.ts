import { Injectable, Logger } from '@nestjs/common';
import { filter, map } from 'rxjs';
import { DeliveryContext, IdempotentConsumer, IdempotentMqEvents, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  issue(_paid: PayloadOf<typeof PaymentSucceeded>, _delivery: DeliveryContext): void {}
}

describe.each(engines)('events$, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let logged: jest.SpyInstance;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { providers: [CardIssuing] });
    logged = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
  });

  afterEach(async () => {
    logged.mockRestore();
    await app.close();
    await database.drop();
  });

  const fail = (): never => {
    throw new Error('the dashboard is on fire');
  };

  // Jest fails a test in which an error stays unhandled.
  it('goes on for everybody when subscribers throw, in whatever way they subscribed', async () => {
    const { events$ } = app.nest.get(IdempotentMqEvents);
    events$.subscribe(fail);
    events$.subscribe({ next: fail });
    events$.subscribe((): void => Promise.reject(new Error('the dashboard is on fire')) as never);
    events$.pipe(filter(({ type }) => type === 'published')).subscribe(fail);
    events$.pipe(map(fail)).subscribe();
    events$.pipe(map(fail)).subscribe({ error: fail });
    const heard: string[] = [];
    events$.subscribe(({ type }) => heard.push(type));
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await app.events('message-dropped');
    expect(heard).toEqual(['published', 'delivered', 'acknowledged', 'message-dropped']);
    expect(logged.mock.calls.map(([line]) => String(line))).toContain(
      'A subscriber to events$ failed: Error: the dashboard is on fire',
    );
  });

  it('says that messages are published when their transaction has committed, and not before', async () => {
    const published = () => app.seen.filter(({ type }) => type === 'published');
    const pay = (id: string, fails = false) =>
      app.dataSource.transaction(async (manager) => {
        await app.outbox.publish(PaymentSucceeded, payment(id), { manager });
        expect(published()).toEqual([]);
        if (fails) throw new Error('no funds');
      });
    await expect(pay('P-1', true)).rejects.toThrow('no funds');
    await pay('P-2');
    expect(published()).toEqual([{ type: 'published', topic: PaymentSucceeded.name, count: 1 }]);
  });

  it('counts what was published in nested transactions, but not in those that rolled back', async () => {
    await app.dataSource.transaction(async (manager) => {
      await app.outbox.publish(PaymentSucceeded, payment('P-1'), { manager });
      await manager.transaction((nested) =>
        app.outbox.publish(PaymentSucceeded, payment('P-2'), { manager: nested }),
      );
      const failing = manager.transaction(async (nested) => {
        await app.outbox.publish(PaymentSucceeded, payment('P-3'), { manager: nested });
        throw new Error('no funds');
      });
      await failing.catch(() => undefined);
    });
    expect(app.seen.filter(({ type }) => type === 'published')).toHaveLength(2);
    await app.events('acknowledged', 2);
  });
});
