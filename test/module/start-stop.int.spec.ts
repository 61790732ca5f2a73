import { Injectable } from '@nestjs/common';
import { DataSource } from 'typeorm';
import { DeliveryContext, IdempotentConsumer, type PayloadOf } from '../../src/index.js';
import { startApp } from '../support/app.js';
import { CardRow, CardTable, PaymentSucceeded, PaymentTable, payment } from '../support/cards.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { until } from '../support/until.js';

// Property: an app that is started and stopped again and again, in the middle of its work, leaves nothing behind in the
// process or on the server, and loses and doubles nothing.

/** MQ_TEST_CYCLES=200 makes it as many as it takes to see a slow leak. */
const CYCLES = { sqlite: 40, mariadb: 20, mysql: 20, postgres: 20 };
const PER_CYCLE = 20;
/** Before which pools, timers and caches have found their size. */
const WARM_UP = 5;

@Injectable()
class CardIssuing {
  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing' })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    await delivery.manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: delivery.group });
  }
}

describe.each(engines)('an app that starts and stops, on %s', (engine) => {
  const cycles = Number(process.env.MQ_TEST_CYCLES) || CYCLES[engine];
  let database: TestDatabase;

  beforeAll(async () => {
    database = await createDatabase(engine);
  });

  afterAll(() => database.drop());

  const parts = { entities: [PaymentTable, CardTable], providers: [CardIssuing] };

  it(`leaves nothing behind in ${cycles} cycles under load`, async () => {
    let before: Resources | undefined;
    const ids: string[] = [];
    for (let cycle = 0; cycle < cycles; cycle++) {
      const app = await startApp(database, { ...parts, dataSource: { synchronize: cycle === 0 } });
      const published = Array.from({ length: PER_CYCLE }, (_, i) => `P-${cycle}-${i}`);
      ids.push(...published);
      await app.outbox.publishAll(PaymentSucceeded, published.map(payment), { standalone: true });
      // Some are handled, some have been claimed, some not.
      await app.events('acknowledged');
      await app.close();
      if (cycle === WARM_UP) before = resources();
    }
    await until('nothing is left open', () => !isMore(resources(), before!));
    const last = await startApp(database, { ...parts, dataSource: { synchronize: false } });
    const cards = () => last.dataSource.getRepository(CardRow).find();
    await until('all cards are issued', async () => (await cards()).length >= ids.length, {
      limitMs: 180_000,
    });
    expect((await cards()).map(({ paymentId }) => paymentId).sort()).toEqual(ids.sort());
    expect(await last.broker.deadLetters.list()).toEqual([]);
    await last.close();
    if (engine !== 'sqlite') expect(await connectionsLeft()).toEqual(0);
  }, 600_000);

  it('tolerates to be stopped twice, and to be stopped before it was started', async () => {
    const app = await startApp(database, { ...parts, dataSource: { synchronize: false } });
    await Promise.all([app.close(), app.close()]);
    await app.close();
  });

  async function connectionsLeft(): Promise<number> {
    const observer = await new DataSource({ ...database.options, name: 'observer' } as never).initialize();
    try {
      const others = async () => {
        const [{ n }] = await observer.query(
          engine === 'postgres'
            ? 'SELECT COUNT(*) AS n FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()'
            : 'SELECT COUNT(*) AS n FROM information_schema.processlist WHERE db = DATABASE() AND id <> CONNECTION_ID()',
        );
        return Number(n);
      };
      // The server takes a moment to notice that a client has gone.
      await until('the server has let go', async () => (await others()) === 0).catch(() => undefined);
      return await others();
    } finally {
      await observer.destroy();
    }
  }
});

type Resources = Record<string, number>;

/** What keeps, or might keep, the process busy. */
function resources(): Resources {
  const counts: Resources = {};
  for (const name of process.getActiveResourcesInfo()) counts[name] = (counts[name] ?? 0) + 1;
  for (const event of process.eventNames()) counts[`on ${String(event)}`] = process.listenerCount(event);
  return counts;
}

function isMore(now: Resources, before: Resources): boolean {
  return Object.entries(now).some(([name, count]) => count > (before[name] ?? 0) && name !== 'Immediate');
}
