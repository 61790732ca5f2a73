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

// Property: nothing that came with a message is markup on its way to the page, no answer may be kept, framed or run from
// elsewhere, and what is to be redacted does not leave the server.

const HOSTILE = `<img src=x onerror=alert(1)></script><script>alert("2")</script>`;
const TOPIC = 'order.placed';

describe('what a dashboard answers', () => {
  let database: TestDatabase;
  let app: MountedDashboard;
  let browser: Browser;

  beforeEach(async () => {
    database = await createDatabase('sqlite');
  });

  afterEach(async () => {
    await app.close();
    await database.drop();
  });

  const mount = async (dashboard: NonNullable<Parameters<typeof mountDashboard>[1]>['dashboard'] = {}) => {
    app = await mountDashboard(database, {
      dashboard,
      prepare: (nest) =>
        nest.use(
          (_: unknown, response: { setHeader(name: string, value: string): void }, next: () => void) => {
            response.setHeader('content-security-policy', "default-src *; script-src 'unsafe-inline'");
            response.setHeader('access-control-allow-origin', '*');
            response.setHeader('cache-control', 'public, max-age=600');
            next();
          },
        ),
    });
    browser = await openBrowser(app);
  };

  it.each([
    '',
    'assets/app.js',
    'assets/style.css',
    'assets/none',
    'api/session',
    'api/overview',
    'api/nothing',
  ])('may not be kept, framed, guessed at or read by others: %p', async (path) => {
    await mount();
    const { headers } = await browser.get(path);
    expect(headers).toMatchObject({
      'cache-control': 'no-store, no-transform',
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
      'cross-origin-opener-policy': 'same-origin',
    });
    const policy = headers['content-security-policy'] as string;
    for (const part of [
      "default-src 'none'",
      "frame-ancestors 'none'",
      "base-uri 'none'",
      "form-action 'none'",
    ])
      expect(policy).toContain(part);
    expect(policy).not.toMatch(/unsafe|\*/);
    expect(headers['access-control-allow-origin']).toBeUndefined();
  });

  it('lets nothing run on the page but what bears the nonce of this very answer', async () => {
    await mount({ title: HOSTILE.slice(0, 60) });
    const pages = [await browser.get(''), await browser.get('')];
    const nonces = pages.map(({ headers, text }) => {
      const policy = headers['content-security-policy'] as string;
      const [, nonce] = /script-src 'nonce-([\w-]{24})'; style-src 'nonce-\1'/.exec(policy)!;
      expect(policy).toContain("require-trusted-types-for 'script'; trusted-types 'none'");
      expect(text.match(/<script/g)).toHaveLength(1);
      expect(text).toContain(`<script type="module" src="./assets/app.js" nonce="${nonce}"></script>`);
      expect(text).not.toMatch(/<img|style="/);
      return nonce;
    });
    expect(new Set(nonces).size).toBe(2);
  });

  it('is JSON, whatever it has in it', async () => {
    await mount();
    const cards = await subscribe(app, 'cards');
    await die(app, cards, [HOSTILE], { errors: [`${HOSTILE}\n${'x'.repeat(500)}`] });
    await quarantine(app, TOPIC, `Q${HOSTILE}`, { html: HOSTILE });
    const { json, headers } = await browser.get('api/dead-letters');
    expect(headers['content-type']).toBe('application/json; charset=utf-8');
    expect(json.letters).toMatchObject([{ bizId: HOSTILE, topic: TOPIC, group: 'cards', error: HOSTILE }]);
    const { json: letter } = await browser.get(`api/dead-letter?id=${json.letters[0].id}`);
    expect(letter.errors[0].error).toContain(HOSTILE);
    expect(JSON.parse(letter.body.text)).toEqual({ orderId: HOSTILE });
    const { json: kept } = await browser.get('api/quarantine');
    expect(kept.messages).toMatchObject([{ bizId: `Q${HOSTILE}`, reason: 'other-body', copies: 1 }]);
    const { json: one } = await browser.get(`api/quarantined?id=${kept.messages[0].id}`);
    expect(JSON.parse(one.body.text)).toEqual({ html: HOSTILE });
  });

  it('shows a body to the digit', async () => {
    await mount();
    const text = '{"orderId":"A","amount":9007199254740993,"a":{"b":1}}';
    await quarantine(app, TOPIC, 'A', { orderId: 'A' });
    const [{ id }] = (await browser.get('api/quarantine')).json.messages;
    jest.spyOn(app.broker.quarantine, 'get').mockResolvedValue({
      ...(await app.broker.quarantine.get(id))!,
      body: text,
    });
    expect((await browser.get(`api/quarantined?id=${id}`)).json.body.text).toBe(text);
  });

  describe('redacted', () => {
    const secret = 'Jane Doe';

    async function answers(): Promise<string> {
      const cards = await subscribe(app, 'cards');
      await die(app, cards, ['A'], { errors: [`Duplicate entry '${secret}'`] });
      await quarantine(app, TOPIC, 'Q', { name: secret });
      const texts = [(await browser.get('api/dead-letters')).text, (await browser.get('api/overview')).text];
      const [{ id }] = JSON.parse(texts[0]!).letters;
      texts.push((await browser.get(`api/dead-letter?id=${id}`)).text);
      texts.push((await browser.get('api/quarantined?id=1')).text);
      texts.push((await browser.get(`api/story?topic=${TOPIC}&bizId=A`)).text);
      return texts.join('\n');
    }

    it('are bodies and errors on request', async () => {
      await mount({ redact: true });
      const text = await answers();
      expect(text).not.toContain(secret);
      expect(text).not.toContain('orderId');
      expect(text).toContain('(redacted)');
      expect(text).toContain('"bizId":"A"');
    });

    it('is what a function says, of bodies and of errors', async () => {
      const asked: unknown[] = [];
      await mount({
        redact: (value, subject) => {
          asked.push([value, subject]);
          return subject.kind === 'error' ? String(value).replace(secret, '***') : { name: '***' };
        },
      });
      const text = await answers();
      expect(text).not.toContain(secret);
      expect(text).toContain(`Duplicate entry '***'`);
      expect(asked).toContainEqual([{ name: secret }, { kind: 'body', topic: TOPIC, bizId: 'Q' }]);
    });

    it.each<[string, () => unknown]>([
      [
        'throws',
        () => {
          throw new Error('of redact itself');
        },
      ],
      ['answers with a promise', async () => ({ name: secret })],
      [
        'answers with what is no JSON',
        () => {
          const own: { own?: unknown } = {};
          own.own = own;
          return own;
        },
      ],
    ])('is all of it, where the function %s', async (_, redact) => {
      await mount({ redact });
      const text = await answers();
      expect(text).not.toContain(secret);
      expect(text).toContain('(redacted)');
    });
  });

  it('names what was wrong with a question, and nothing of the database where that is away', async () => {
    await mount();
    expect((await browser.get('api/dead-letters?reason=none')).json.error).toMatchObject({
      code: 'BAD_REQUEST',
      message: expect.stringContaining('must be one of failed'),
    });
    expect((await browser.get('api/story?topic=&bizId=')).status).toBe(400);
    expect((await browser.get('api/dead-letter?id=9-9')).status).toBe(404);
    jest
      .spyOn(app.broker.deadLetters, 'list')
      .mockRejectedValue(new Error("connect to 'root'@'10.0.0.7' refused"));
    const { status, text } = await browser.get('api/dead-letters');
    expect(status).toBe(503);
    expect(text).not.toContain('10.0.0.7');
    expect(await ask(`${app.url}api/overview`, { headers: { cookie: LOGIN } })).toMatchObject({
      status: 200,
    });
  });
});
