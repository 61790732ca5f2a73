import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { startApp } from '../support/app.js';
import { PaymentSucceeded, payment } from '../support/cards.js';
import { createDatabase, engines } from '../support/engines.js';

/** What failed can be counted by what it was, without taking its message apart. */

@Injectable()
class Failing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'cards', retry: { attempts: 1 } })
  async issue(
    { paymentId }: PayloadOf<typeof PaymentSucceeded>,
    { manager }: DeliveryContext,
  ): Promise<void> {
    if (paymentId === 'throws') throw Object.assign(new Error('the printer is on fire'), { code: 'E_FIRE' });
    if (paymentId === 'without') throw new Error('the printer is on fire');
    await manager.queryRunner!.commitTransaction();
  }
}

it.each(engines)('the event of a failure has the code of its error, on %s', async (engine) => {
  const database = await createDatabase(engine);
  const app = await startApp(database, { providers: [Failing] });
  for (const id of ['throws', 'without', 'commits'])
    await app.outbox.publish(PaymentSucceeded, payment(id), { standalone: true });
  const dead = await app.events('dead-lettered', 3);
  await app.close();
  await database.drop();
  expect(Object.fromEntries(dead.map(({ bizId, code }) => [bizId, code]))).toEqual({
    throws: 'E_FIRE',
    without: undefined,
    commits: 'MANUAL_TRANSACTION_CONTROL',
  });
});
