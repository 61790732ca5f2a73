import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { Injectable } from '@nestjs/common';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { type TestApp, startApp } from '../support/app.js';
import { bundle } from '../support/bundle.js';
import { CardRow, CardTable, PaymentRow, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import type { Deed } from './fixtures/business.js';

/** The README's table, where a process dies: kill -9 between any two of the six steps costs no card and makes none. */

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue({ paymentId }: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext) {
    await delivery.manager.insert(CardRow, { paymentId, issuedBy: 'who lives' });
  }
}

const entities = [PaymentTable, CardTable];

describe.each(engines)('a process that is killed with -9 in between, on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startApp(database, { entities, options: { roles: { consume: false } } });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  /** A card system that comes later, and stays. */
  async function restart(): Promise<void> {
    await app.close();
    app = await startApp(database, { entities, providers: [CardIssuing] });
  }

  async function commit(deed: Deed): Promise<void> {
    const program = await bundle(join(__dirname, 'fixtures', 'business.ts'));
    const business = spawn(process.execPath, [program, deed], {
      env: { ...process.env, BUSINESS_DATABASE: JSON.stringify(database.options) },
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    expect(await once(business, 'exit')).toEqual([null, 'SIGKILL']);
  }

  const payAgain = () =>
    app.dataSource.transaction(async (manager) => {
      await manager.upsert(PaymentRow, { paymentId: 'P-1', amount: 100 }, ['paymentId']);
      await app.outbox.publish(PaymentSucceeded, payment('P-1'), { manager });
    });

  const books = async () => ({
    payments: await app.dataSource.getRepository(PaymentRow).count(),
    cards: (await app.dataSource.getRepository(CardRow).find()).map(({ issuedBy }) => issuedBy),
  });

  it('issues one card of a sender that died when it had committed, also when it pays and sends again', async () => {
    await commit('dies-when-it-has-committed');
    await restart();
    await app.events('acknowledged');
    expect(await books()).toEqual({ payments: 1, cards: ['who lives'] });
    // It never heard of its COMMIT, which is ACK 3.
    await payAgain();
    await app.events('duplicate-absorbed');
    expect(await books()).toEqual({ payments: 1, cards: ['who lives'] });
  });

  it('has neither payment nor message of a sender that died before it committed', async () => {
    await commit('dies-before-it-commits');
    expect(await books()).toEqual({ payments: 0, cards: [] });
    await restart();
    await payAgain();
    await app.events('acknowledged');
    expect(app.seen.filter(({ type }) => type === 'delivered')).toHaveLength(1);
    expect(await books()).toEqual({ payments: 1, cards: ['who lives'] });
  });

  it('issues one card when a consumer died with the effect written and the ACK not sent', async () => {
    await payAgain();
    await commit('dies-with-a-card-in-hand');
    expect((await books()).cards).toEqual([]);
    await restart();
    const [delivered] = await app.events('delivered');
    expect(delivered).toMatchObject({ bizId: 'P-1', attempt: 2, redelivered: true });
    await app.events('acknowledged');
    expect(await books()).toEqual({ payments: 1, cards: ['who lives'] });
  });
});
