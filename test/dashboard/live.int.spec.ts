import { IdempotentMqOperations } from '../../src/index.js';
import { publishOrders, subscribe } from '../support/broker.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { LOGIN, type DashboardParts, type MountedDashboard, ask, mountDashboard } from './support/mounted.js';
import { watch } from './support/watch.js';

// Property: who watches is told of each change; nobody is looked at for nobody, no more than may watch, and a shutdown waits
// for none of them.

describe('watching', () => {
  let database: TestDatabase;
  let app: MountedDashboard;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
  });

  afterEach(async () => {
    await app?.close();
    await database.drop();
  });

  const mount = async (dashboard: DashboardParts['dashboard'] = {}) => {
    app = await mountDashboard(database, { dashboard: { intervalMs: 100, ...dashboard } });
  };

  it('tells how everything is, and again when it has changed', async () => {
    await mount();
    await subscribe(app, 'cards');
    const watching = await watch(app.url);
    const first = await watching.next('overview');
    expect(first.status.groups).toMatchObject([{ group: 'cards', ready: { value: 0 } }]);
    expect(first.process).toMatchObject({ pid: process.pid, workers: [] });
    await publishOrders(app, ['A', 'B']);
    const then = await watching.next('overview', ({ status }) => status.groups[0]!.ready.value === 2);
    expect(then.status.topics).toMatchObject([{ topic: 'order.placed', groups: 1 }]);
    const counted = await watching.next('overview', ({ steps }) => steps.send > 0);
    expect(counted.steps.land).toBe(counted.steps.send);
    await watching.close();
  });

  it('looks at the broker once for all who watch', async () => {
    await mount();
    const looks = jest.spyOn(app.nest.get(IdempotentMqOperations), 'status');
    const watching = await Promise.all([watch(app.url), watch(app.url), watch(app.url)]);
    const [ats] = await Promise.all(
      watching.map(async (one) => [
        (await one.next('overview')).status.at,
        (await one.next('overview')).status.at,
      ]),
    );
    expect(new Set(ats).size).toBe(2);
    expect(looks.mock.calls.length).toBeLessThanOrEqual(4);
    await Promise.all(watching.map((one) => one.close()));
  });

  it('lets no more watch than may, and has them look now and then', async () => {
    await mount({ watchers: 1 });
    const watching = await watch(app.url);
    const refused = await ask(`${app.url}live`, { headers: { cookie: LOGIN } });
    expect([refused.status, refused.json.error.code]).toEqual([503, 'FULL']);
    expect((await ask(`${app.url}api/overview`, { headers: { cookie: LOGIN } })).status).toBe(200);
    await watching.close();
    const next = await watch(app.url);
    expect(next.status).toBe(200);
    await next.close();
  });

  it('says so when the broker can’t be looked at, and goes on when it can', async () => {
    await mount();
    const operations = app.nest.get(IdempotentMqOperations);
    const failing = jest.spyOn(operations, 'status').mockRejectedValue(new Error('away'));
    const watching = await watch(app.url);
    const next = watching.next('overview');
    await new Promise<void>((resolve) => {
      const look = () => (watching.text.includes('event: trouble') ? resolve() : setTimeout(look, 20));
      look();
    });
    failing.mockRestore();
    expect(await next).toMatchObject({ status: { groups: [] } });
    await watching.close();
  });

  it('ends when the app does, which waits for none of them', async () => {
    await mount();
    const watching = await watch(app.url);
    await watching.next('overview');
    const began = performance.now();
    await app.close();
    await watching.ended;
    expect(performance.now() - began).toBeLessThan(2_000);
  });
});
