import { Logger } from '@nestjs/common';
import { subscribe } from '../support/broker.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import {
  LOGIN,
  type Browser,
  type MountedDashboard,
  ask,
  mountDashboard,
  openBrowser,
} from './support/mounted.js';
import { die, quarantine } from './support/seeded.js';

// Property: an action is carried out for a page of this origin that an operator has open, and for nobody who makes his browser
// send something.

const ORIGIN = 'https://evil.example';
const CROSS_SITE = { 'sec-fetch-site': 'cross-site', origin: ORIGIN };

describe('requests that no operator meant', () => {
  let database: TestDatabase;
  let app: MountedDashboard;
  let browser: Browser;
  let id: string;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
    app = await mountDashboard(database);
    await die(app, await subscribe(app, 'cards'), ['A']);
    browser = await openBrowser(app);
    [{ id }] = (await browser.get('api/dead-letters')).json.letters;
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const discard = (headers: Record<string, string | undefined> = {}) =>
    browser.post('api/discard-dead-letters', { ids: [id] }, headers);
  const left = async () => (await app.broker.deadLetters.list()).length;

  it('is obeyed where the page itself asks', async () => {
    expect((await discard()).json).toEqual({ count: 1 });
    expect(await left()).toBe(0);
  });

  it.each<[string, Record<string, string | undefined>, number, string | undefined]>([
    ['without a login', { cookie: undefined }, 403, undefined],
    ['without a token', { 'x-idempotent-mq-token': undefined }, 403, 'TOKEN_INVALID'],
    ['with a token that is none', { 'x-idempotent-mq-token': 'A'.repeat(43) }, 403, 'TOKEN_INVALID'],
    ['with the token and without its cookie', { cookie: LOGIN }, 403, 'TOKEN_INVALID'],
    [
      'with a cookie that somebody planted',
      { cookie: `${LOGIN}; idempotent-mq=${'A'.repeat(43)}` },
      403,
      'TOKEN_INVALID',
    ],
    ['from another site', CROSS_SITE, 403, 'OTHER_SITE'],
    [
      'from a sibling domain',
      { 'sec-fetch-site': 'same-site', origin: 'http://wiki.example' },
      403,
      'OTHER_SITE',
    ],
    ['from no page', { 'sec-fetch-site': 'none', origin: undefined }, 403, 'OTHER_SITE'],
    [
      'from another site, over plain HTTP',
      { 'sec-fetch-site': undefined, origin: ORIGIN },
      403,
      'OTHER_SITE',
    ],
    ['from a sandboxed frame', { 'sec-fetch-site': undefined, origin: 'null' }, 403, 'OTHER_SITE'],
    ['by no browser', { 'sec-fetch-site': undefined, origin: undefined }, 403, 'OTHER_SITE'],
    ['as a form sends it', { 'content-type': 'text/plain' }, 415, 'BAD_REQUEST'],
  ])('does nothing %s', async (_, headers, status, code) => {
    const refused = await discard(headers);
    expect([refused.status, refused.json.error?.code]).toEqual([status, code]);
    expect(await left()).toBe(1);
  });

  it('does nothing with the token of another browser', async () => {
    const other = await openBrowser(app);
    expect(other.token).not.toBe(browser.token);
    expect((await discard({ 'x-idempotent-mq-token': other.token })).status).toBe(403);
    expect(await left()).toBe(1);
  });

  it.each([
    'requeue-dead-letters',
    'discard-dead-letters',
    'release-quarantined',
    'discard-quarantined',
    'pause-group',
    'resume-group',
  ])('refuses %s without the proof, before it reads what is asked', async (action) => {
    const refused = await browser.post(`api/${action}`, {}, { 'x-idempotent-mq-token': undefined });
    expect([refused.status, refused.json.error.code]).toEqual([403, 'TOKEN_INVALID']);
    expect((await browser.get(`api/${action}`)).status).toBe(404);
  });

  it('reads nothing for another site either', async () => {
    for (const path of ['api/session', 'api/dead-letters', 'api/overview', 'live']) {
      const { status, json } = await browser.get(path, CROSS_SITE);
      expect([path, status, json.error.code]).toEqual([path, 403, 'OTHER_SITE']);
    }
  });

  it('keeps the cookie that a browser has, and gives none to scripts', async () => {
    const first = await ask(`${app.url}api/session`, { headers: { cookie: LOGIN } });
    const [cookie] = first.headers['set-cookie'] as string[];
    expect(cookie).toMatch(/^idempotent-mq=[\w-]{43}; Path=\/; HttpOnly; SameSite=Strict$/);
    const again = await browser.get('api/session');
    expect(again.headers['set-cookie']).toBeUndefined();
    expect(again.json.token).toBe(browser.token);
  });

  it('is obeyed under an address that a proxy has changed, where that was said', async () => {
    await app.close();
    app = await mountDashboard(database, { dashboard: { origins: ['http://ops.example.com'] } });
    browser = await openBrowser(app);
    const plain = { 'sec-fetch-site': undefined, origin: 'http://ops.example.com' };
    expect((await discard(plain)).json).toEqual({ count: 1 });
  });

  it('is obeyed by another process behind the same address, where they share a secret', async () => {
    const secret = 's'.repeat(32);
    await app.close();
    app = await mountDashboard(database, { dashboard: { secret } });
    browser = await openBrowser(app);
    await app.close();
    app = await mountDashboard(database, { dashboard: { secret } });
    const { host, origin } = new URL(app.url);
    const answer = await ask(`${app.url}api/discard-dead-letters`, {
      method: 'POST',
      headers: {
        ...{ host, origin, cookie: `${LOGIN}; ${browser.cookie}`, 'content-type': 'application/json' },
        'x-idempotent-mq-token': browser.token,
      },
      body: JSON.stringify({ ids: [id] }),
    });
    expect(answer.json).toEqual({ count: 1 });
  });

  it('does nothing where it only shows', async () => {
    await app.close();
    app = await mountDashboard(database, { dashboard: { readOnly: true } });
    browser = await openBrowser(app);
    expect((await discard()).json.error.code).toBe('READ_ONLY');
    expect((await browser.get('api/session')).json.readOnly).toBe(true);
    expect(await left()).toBe(1);
  });

  it('takes no order that is not whole', async () => {
    await quarantine(app, 'order.placed', 'Q', { a: 1 });
    const wrong: [string, object][] = [
      ['discard-dead-letters', {}],
      ['discard-dead-letters', { ids: [] }],
      ['discard-dead-letters', { ids: ['; DROP TABLE'] }],
      ['discard-dead-letters', { ids: Array.from({ length: 1_001 }, () => '1-1') }],
      ['discard-dead-letters', { all: {}, deadUntil: new Date().toISOString() }],
      ['discard-dead-letters', { all: { group: 'cards' } }],
      ['discard-dead-letters', { all: { group: 'cards' }, deadUntil: 'yesterday' }],
      ['discard-dead-letters', { all: { group: { $ne: 1 } }, deadUntil: new Date().toISOString() }],
      ['discard-quarantined', {}],
      ['discard-quarantined', { id: 1 }],
      ['pause-group', {}],
      ['pause-group', { group: 'cards' }],
    ];
    for (const [action, given] of wrong) {
      const { status, json } = await browser.post(`api/${action}`, given);
      expect([action, given, status, json.error?.code]).toEqual([action, given, 400, 'BAD_REQUEST']);
    }
    expect(await left()).toBe(1);
    expect(await app.broker.quarantine.list()).toHaveLength(1);
    expect((await app.broker.groups.list()).map(({ paused }) => paused)).toEqual([false]);
  });

  it('are the only ones of which the log says nothing: what an operator did is there, and what went wrong with it', async () => {
    const lines: string[] = [];
    for (const level of ['log', 'warn'] as const)
      jest
        .spyOn(Logger.prototype, level)
        .mockImplementation((...args: unknown[]) => void lines.push(`${level} ${String(args[0])}`));
    await discard({ 'x-idempotent-mq-token': undefined });
    expect(lines).toEqual([]);
    await app.dataSource.query(
      "CREATE TRIGGER stuck BEFORE DELETE ON mq_dead_letter BEGIN SELECT RAISE(ABORT, 'stuck'); END",
    );
    expect((await discard()).status).toBe(503);
    await app.dataSource.query('DROP TRIGGER stuck');
    expect((await discard()).status).toBe(200);
    expect(lines).toEqual([
      expect.stringMatching(new RegExp(`^warn discard-dead-letters \\{"ids":\\["${id}"\\]\\}: .*stuck`)),
      `log discard-dead-letters {"ids":["${id}"]}: {"count":1}`,
    ]);
  });
});
