import type { INestApplication } from '@nestjs/common';
import { OperatingModule } from '../../examples/dashboard/dashboard.module.js';
import { type TestApp, startApp } from '../support/app.js';
import { subscribe } from '../support/broker.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { ask } from './support/mounted.js';
import { die } from './support/seeded.js';

// The example of docs/dashboard.md does what that says.

const LOGIN = 'ops:correct horse battery staple';

describe('the example of the dashboard', () => {
  let database: TestDatabase;
  let app: TestApp;
  let url: string;

  beforeEach(async () => {
    process.env.OPERATORS_LOGIN = LOGIN;
    database = await createDatabase('sqlite');
    app = await startApp(database, {
      imports: [OperatingModule],
      web: (testing) => testing.createNestApplication(),
    });
    const nest = app.nest as INestApplication;
    await nest.listen(0, '127.0.0.1');
    url = `${await nest.getUrl()}/ops/messages`;
  });

  afterEach(async () => {
    delete process.env.OPERATORS_LOGIN;
    await app.close();
    await database.drop();
  });

  const as = (login: string) => ({ authorization: `Basic ${Buffer.from(login).toString('base64')}` });
  const get = (path: string, login = LOGIN) => ask(`${url}${path}`, { headers: as(login) });

  it('asks for a login, and lets nobody else in', async () => {
    const { status, headers } = await ask(url);
    expect([status, headers['www-authenticate']]).toEqual([401, 'Basic realm="operators"']);
    for (const other of ['', 'ops:', `${LOGIN}!`, 'ops:correct'])
      expect((await get('', other)).status).toBe(401);
    const page = await get('');
    expect([page.status, page.text.includes('<title>Shop, production</title>')]).toEqual([200, true]);
  });

  it('lets nobody in where no login is set', async () => {
    delete process.env.OPERATORS_LOGIN;
    for (const login of ['', 'undefined', LOGIN])
      expect((await get('', login)).status).toBeGreaterThanOrEqual(400);
  });

  it('shows bodies, but for those of ordered cards', async () => {
    for (const topic of ['card.ordered', 'order.placed']) await app.broker.registerTopics([topic]);
    await die(app, await subscribe(app, 'cards'), ['A']);
    const [{ id }] = (await get('/api/dead-letters')).json.letters;
    expect((await get(`/api/dead-letter?id=${id}`)).json.body.text).toContain('"orderId": "A"');
  });
});
