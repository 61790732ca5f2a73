import { FastifyAdapter } from '@nestjs/platform-fastify';
import { subscribe } from '../support/broker.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { LOGIN, type MountedDashboard, ask, mountDashboard, openBrowser } from './support/mounted.js';
import { die } from './support/seeded.js';
import { watch } from './support/watch.js';

// Property: on Fastify it is the same page.

describe('a dashboard on Fastify', () => {
  let database: TestDatabase;
  let app: MountedDashboard;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
    app = await mountDashboard(database, { adapter: () => new FastifyAdapter() });
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  it('is served, guarded and obeyed', async () => {
    const cards = await subscribe(app, 'cards');
    await die(app, cards, ['A', 'B']);
    const page = app.url.slice(0, -1);
    expect((await ask(page)).status).toBe(403);
    const { status, headers } = await ask(page, { headers: { cookie: LOGIN } });
    expect([status, headers['content-type']]).toEqual([200, 'text/html; charset=utf-8']);
    expect(headers['content-security-policy']).toContain("default-src 'none'");
    const browser = await openBrowser(app);
    expect(
      (await browser.post('api/requeue-dead-letters', { ids: ['1-1'] }, { origin: undefined })).status,
    ).toBe(200);
    expect((await browser.get('api/dead-letters')).json.letters).toHaveLength(1);
    const forged = { 'sec-fetch-site': 'cross-site', origin: 'https://evil.example' };
    expect((await browser.post('api/requeue-dead-letters', { ids: ['1-2'] }, forged)).status).toBe(403);
  });

  it('tells of each change', async () => {
    const watching = await watch(app.url);
    expect(await watching.next('overview')).toMatchObject({ status: { groups: [] } });
    await watching.close();
  });
});
