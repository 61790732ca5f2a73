import { Injectable } from '@nestjs/common';
import {
  DeliveryContext,
  IdempotentConsumer,
  type IdempotentMqEvent,
  type PayloadOf,
} from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { describeOnServers } from '../support/hostile.js';
import { logLines } from '../support/log-lines.js';

/** When a worker can't do its work, log and events say so, and say once when it can again. */

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    if (paymentId === 'P-1' && killed++ === 0) await delivery.manager.query('KILL CONNECTION_ID()');
  }
}

let killed: number;

describeOnServers('a worker that is kept from its work, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let lines: string[];

  beforeEach(async () => {
    killed = 0;
    database = await createDatabase(engine);
    app = await startApp(database, { providers: [CardIssuing] });
    lines = logLines();
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app.close();
    await database.drop();
  });

  const told = () =>
    app.seen.map(({ type }: IdempotentMqEvent) => type).filter((type) => type.startsWith('worker-'));

  it('names the handler and the delivery whose connection was lost, and recovers with the next one', async () => {
    await app.outbox.publish(PaymentSucceeded, payment('P-1'), { standalone: true });
    await app.events('acknowledged');
    await app.events('worker-recovered');
    expect(told()).toEqual(['worker-error', 'worker-recovered']);
    expect(lines).toEqual([
      expect.stringMatching(/^warn: CardIssuing\.issue \(.*\) could not be run for P-1, which comes again: /),
      'log: The worker of card-issuing of payment.succeeded works again.',
    ]);
  });

  it('is not said to work again because a handler ended that had begun before', async () => {
    await app.dataSource.query('RENAME TABLE mq_subscription TO mq_subscription_away');
    await app.dataSource.query('RENAME TABLE mq_delivery TO mq_delivery_away');
    await app.events('worker-error', 2);
    expect(told()).not.toContain('worker-recovered');
    await app.dataSource.query('RENAME TABLE mq_delivery_away TO mq_delivery');
    await app.dataSource.query('RENAME TABLE mq_subscription_away TO mq_subscription');
    await app.events('worker-recovered');
    expect(lines.filter((line) => line.startsWith('warn: The worker of'))).toHaveLength(1);
    expect(lines.filter((line) => line.includes('works again'))).toHaveLength(1);
  });
});
