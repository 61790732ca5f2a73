import { type IdempotentMqEvent, IdempotentMqEvents } from '../../src/events/index.js';
import { WatchingUnrelayed } from '../../src/publisher/index.js';
import { createDatabase, engines } from '../support/engines.js';
import type { TestDatabase } from '../support/engines.js';
import { type BusinessParts, HOUR_MS, idAt, openBusiness } from './parts.js';

// Property: a process that publishes and relays nothing says so when nobody else relays.

describe.each(engines)('an outbox that no relay looks at, on %s,', (engine) => {
  let database: TestDatabase;
  let business: BusinessParts;
  let seen: IdempotentMqEvent[];
  let watching: WatchingUnrelayed;

  beforeEach(async () => {
    database = await createDatabase(engine);
    business = await openBusiness(database);
    const events = new IdempotentMqEvents();
    seen = [];
    events.events$.subscribe((event) => seen.push(event));
    watching = new WatchingUnrelayed(business.connections, events, 60_000);
  });

  afterEach(async () => {
    await business.close();
    await database.drop();
  });

  it.each([
    ['is published', () => business.put([{ bizId: 'P-1', innerMsgId: idAt(Date.now() - HOUR_MS) }])],
    [
      'is published with an ordering key',
      () =>
        business.put([
          { bizId: 'P-1', innerMsgId: idAt(Date.now() - HOUR_MS), orderingKey: Buffer.from('a') },
        ]),
    ],
    ['was due', () => business.put([{ bizId: 'P-1' }], { deliverAt: (Date.now() - HOUR_MS) * 1_000 })],
  ])('is told of an hour after something %s', async (_what, put) => {
    await put();
    await watching.look();
    expect(seen).toEqual([{ type: 'unrelayed', waitedMs: expect.any(Number) }]);
    const [told] = seen;
    expect(told?.type === 'unrelayed' && Math.abs(told.waitedMs - HOUR_MS)).toBeLessThan(120_000);
  });

  it('is nothing to tell of while what is there is new, has been sent, or has time', async () => {
    await business.put([{ bizId: 'P-1' }]);
    await business.put([{ bizId: 'P-2' }], { delayMs: HOUR_MS });
    await business.put([{ bizId: 'P-3', innerMsgId: idAt(Date.now() - HOUR_MS) }]);
    await business.dataSource.query(`UPDATE mq_outbox SET first_sent_at = 1 WHERE biz_id = ?`, [
      Buffer.from('P-3'),
    ]);
    await watching.look();
    expect(seen).toEqual([]);
  });
});
