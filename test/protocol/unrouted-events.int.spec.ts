import { Logger } from '@nestjs/common';
import type { TestApp } from '../support/app.js';
import { MINUTE_MS, numbered, publishOrders, startBroker, subscribe } from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { letPass } from '../support/tables.js';

// Property: somebody is told of each message that nobody took.

const UNROUTED_MS = 10 * MINUTE_MS;

describe.each(engines)('messages that nobody took on %s', (engine) => {
  let database: TestDatabase;
  let app: TestApp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    const options = { roles: { sweep: false }, retention: { unroutedMs: UNROUTED_MS } };
    app = await startBroker(database, { options });
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await app.close();
    await database.drop();
  });

  it('are told of one by one as events, and once for the topic in the log', async () => {
    const log = jest.spyOn(Logger.prototype, 'error').mockImplementation(() => undefined);
    await publishOrders(app, numbered(300));
    await letPass(app.dataSource, UNROUTED_MS);
    await app.broker.sweep();
    const told = app.seen.filter((event) => event.type === 'dead-lettered');
    expect(told.map(({ bizId }) => bizId).sort()).toEqual(numbered(300).sort());
    expect(told[0]).toMatchObject({ reason: 'unrouted', topic: 'order.placed', group: '' });
    expect(log).toHaveBeenCalledTimes(1);
    expect(log).toHaveBeenCalledWith(expect.stringContaining('No group subscribed to order.placed'));
  });

  it('are not told of where a group has taken them', async () => {
    await publishOrders(app, numbered(3));
    await subscribe(app, 'cards');
    await letPass(app.dataSource, UNROUTED_MS);
    await app.broker.sweep();
    expect(app.seen.filter((event) => event.type === 'dead-lettered')).toEqual([]);
  });
});
