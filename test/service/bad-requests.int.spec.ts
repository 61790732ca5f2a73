import { connect as connectTo } from 'node:net';
import { createDatabase } from '../support/engines.js';
import { tableSizes } from '../support/tables.js';
import { type TestService, startService } from '../support/service.js';
import { until } from '../support/until.js';
import { ask, shipment } from './support/ask.js';
import { DataSource } from 'typeorm';
import type { TestDatabase } from '../support/engines.js';
import { randomUUID } from 'node:crypto';
import { withTestStatements } from '../support/postgres-words.js';

// Property: whatever comes is answered with a stable code, changes nothing, and disturbs nobody else.

const LIMIT = 64 * 1024;
const claim = (more: object) => ({
  subscription: 1,
  claimId: randomUUID(),
  limit: 1,
  leaseMs: 1_000,
  ...more,
});
const lease = { subscription: 1, seq: 1, token: randomUUID() };

describe('a broker service that is sent nonsense', () => {
  let database: TestDatabase;
  let service: TestService;
  let tables: DataSource;

  beforeAll(async () => {
    database = await createDatabase('sqlite');
    service = await startService(database, { limits: { bodyBytes: LIMIT, bodyTimeoutMs: 300 } });
    tables = await withTestStatements(new DataSource(database.options)).initialize();
    const { subscription } = (await ask(service.url, 'subscribe', { topic: 't', group: 'g', version: 1 }))
      .body;
    expect(subscription).toBe(1);
  });

  afterAll(async () => {
    await tables.destroy();
    await service.close();
    await database.drop();
  });

  afterEach(async () => {
    expect(await tableSizes(tables)).toEqual({});
    // Somebody else is served as before.
    expect((await ask(service.url, 'identify', {})).status).toBe(200);
  });

  it.each<[string, string, unknown, number, string, RegExp]>([
    ['no JSON', 'poll', '{"subscription":', 400, 'BODY_MALFORMED', /no JSON/],
    ['an empty body', 'poll', '', 400, 'BODY_MALFORMED', /no JSON/],
    ['what is no UTF-8', 'poll', Buffer.from([0x22, 0xff, 0x22]), 415, 'MEDIA_TYPE', /UTF-8/],
    ['deep nesting', 'poll', `${'['.repeat(30_000)}`, 400, 'BODY_MALFORMED', /nested/],
    ['deep nesting behind a text', 'poll', `["\\\\",${'['.repeat(20)}`, 400, 'BODY_MALFORMED', /nested/],
    ['a body that is too long', 'poll', `"${'x'.repeat(LIMIT)}"`, 413, 'BODY_TOO_LARGE', /limits\.bodyBytes/],
    ['a list for an object', 'poll', [], 400, 'REQUEST_INVALID', /the body/],
    ['null', 'poll', null, 400, 'REQUEST_INVALID', /got null/],
    [
      'a text for a number',
      'poll',
      { subscription: '1', after: 0 },
      400,
      'REQUEST_INVALID',
      /subscription.*"1"/,
    ],
    ['a missing field', 'poll', { subscription: 1 }, 400, 'REQUEST_INVALID', /after/],
    [
      'an unknown field',
      'poll',
      { subscription: 1, after: 0, x: 1 },
      400,
      'REQUEST_INVALID',
      /x: unexpected/,
    ],
    [
      'a prototype',
      'poll',
      '{"subscription":1,"after":0,"__proto__":{}}',
      400,
      'REQUEST_INVALID',
      /__proto__/,
    ],
    [
      'a number beyond all rows',
      'poll',
      { subscription: 1e300, after: 0 },
      400,
      'REQUEST_INVALID',
      /subscription/,
    ],
    [
      'a subscription that is none',
      'poll',
      { subscription: 99, after: 0 },
      404,
      'SUBSCRIPTION_UNKNOWN',
      /99/,
    ],
    ['a claim id that is no UUID', 'claim', claim({ claimId: 'x' }), 400, 'REQUEST_INVALID', /claimId.*"x"/],
    ['a limit of none', 'claim', claim({ limit: 0 }), 400, 'REQUEST_INVALID', /limit/],
    ['a wait of a day', 'claim', claim({ waitMs: 86_400_000 }), 400, 'REQUEST_INVALID', /waitMs/],
    ['a lease of a text', 'acknowledge', { leases: ['x'] }, 400, 'REQUEST_INVALID', /leases\.0/],
    ['no leases', 'acknowledge', { leases: [] }, 400, 'REQUEST_INVALID', /leases/],
    [
      'a reason that is none',
      'dead-letter',
      { lease, failures: 1, lostLeases: 0, reason: "'; DROP" },
      400,
      'REQUEST_INVALID',
      /reason/,
    ],
    [
      'a group that is none',
      'subscribe',
      { topic: 't', group: 'a b', version: 1 },
      400,
      'REQUEST_INVALID',
      /group/,
    ],
    [
      'an inner-msg-id of version 4',
      'send',
      shipment({ innerMsgId: randomUUID() }),
      400,
      'REQUEST_INVALID',
      /innerMsgId/,
    ],
    [
      'a body that is no JSON',
      'send',
      shipment({ body: 'hello' }),
      400,
      'REQUEST_INVALID',
      /messages\.0\.body.*hello/,
    ],
    [
      'a body with a lone surrogate',
      'send',
      shipment({ body: '"\ud800"' }),
      400,
      'REQUEST_INVALID',
      /surrogate/,
    ],

    [
      'a biz-id of 200 signs that are 600 bytes',
      'send',
      shipment({ bizId: '€'.repeat(200) }),
      400,
      'REQUEST_INVALID',
      /255 bytes/,
    ],
    ['an empty biz-id', 'send', shipment({ bizId: '' }), 400, 'REQUEST_INVALID', /bizId/],
    [
      'a header twice',
      'send',
      shipment({ headers: Array.from({ length: 500 }, () => ['x', 'y'.repeat(100)]) }),
      400,
      'REQUEST_INVALID',
      /headers has a name twice/,
    ],
    [
      'a header __proto__',
      'send',
      shipment({ headers: [['__proto__', 'x']] }),
      400,
      'REQUEST_INVALID',
      /__proto__/,
    ],
    [
      'a second message that is wrong',
      'send',
      shipment({}, { topic: '*' }),
      400,
      'REQUEST_INVALID',
      /messages\.1\.topic/,
    ],
    ['an operation that is none', 'publish', {}, 404, 'UNKNOWN_OPERATION', /protocol/],
    ['an operation of every object', 'constructor', {}, 404, 'UNKNOWN_OPERATION', /protocol/],
    ['another version', '../v2/claim', {}, 404, 'UNKNOWN_OPERATION', /./],
    ['an operator’s call that is none', 'administer', { call: 'sweep' }, 400, 'REQUEST_INVALID', /call/],
    [
      'an operator’s filter that is empty',
      'administer',
      { call: 'deadLetters.purge', arguments: [{}] },
      400,
      'REQUEST_INVALID',
      /purge/,
    ],
  ])('refuses %s', async (_, operation, request, status, code, message) => {
    const told = await ask(service.url, operation, request);
    expect({ status: told.status, code: told.code }).toEqual({ status, code });
    expect(told.message).toMatch(message);
    expect(JSON.stringify(told.body)).not.toMatch(/at .*\.[jt]s:|node_modules|SELECT/);
  });

  it.each<[string, object, number, string]>([
    ['text', { 'content-type': 'text/plain' }, 415, 'MEDIA_TYPE'],
    ['a form', { 'content-type': 'application/x-www-form-urlencoded' }, 415, 'MEDIA_TYPE'],
    ['another charset', { 'content-type': 'application/json; charset=utf-16' }, 415, 'MEDIA_TYPE'],
    ['what is compressed', { 'content-encoding': 'gzip' }, 415, 'MEDIA_TYPE'],
    ['a proxy’s request, without tokens', { 'x-forwarded-for': '10.0.0.9' }, 403, 'NOT_LOOPBACK'],
    ['a page’s request, without tokens', { origin: 'https://evil.example' }, 403, 'NOT_LOOPBACK'],
  ])('refuses %s', async (_, headers, status, code) => {
    const told = await ask(service.url, 'identify', {}, { headers });
    expect({ status: told.status, code: told.code }).toEqual({ status, code });
  });

  it('refuses another method', async () => {
    const told = await ask(service.url, 'identify', {}, { method: 'GET' });
    expect({ status: told.status, code: told.code }).toEqual({ status: 405, code: 'METHOD_NOT_ALLOWED' });
  });

  it('answers leases that are held by nobody with what they are', async () => {
    expect((await ask(service.url, 'acknowledge', { leases: [lease] })).body).toEqual({ taken: [false] });
    expect((await ask(service.url, 'extend', { leases: [lease], leaseMs: 1_000 })).body).toEqual({
      held: [false],
    });
    const { body } = await ask(service.url, 'give-back', { lease, delayMs: 0 });
    expect(body).toEqual({ taken: false });
  });

  const raw = (text: string): Promise<string> =>
    new Promise((resolve, reject) => {
      const { port } = new URL(service.url);
      let answer = '';
      const socket = connectTo(Number(port), '127.0.0.1', () => socket.write(text));
      socket.on('data', (bytes) => (answer += bytes.toString('utf8')));
      socket.on('close', () => resolve(answer));
      socket.on('error', reject);
    });
  const head = 'POST /v1/identify HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n';

  it('answers what is no HTTP', async () => {
    expect(await raw('hello\r\n\r\n')).toMatch(/^HTTP\/1\.1 400 .*BODY_MALFORMED/s);
  });

  it('waits for no body longer than it has said', async () => {
    expect(await raw(`${head}content-length: 20\r\n\r\n{`)).toMatch(/^HTTP\/1\.1 408 .*BODY_TOO_SLOW/s);
  });

  it('reads no body that is announced as too long', async () => {
    const answer = await raw(`${head}content-length: ${10 * LIMIT}\r\n\r\n{`);
    expect(answer).toMatch(/^HTTP\/1\.1 413 .*connection: close.*BODY_TOO_LARGE/is);
  });

  it('stops reading a body that turns out to be too long', async () => {
    const chunk = `${(LIMIT / 2).toString(16)}\r\n${'x'.repeat(LIMIT / 2)}\r\n`;
    expect(await raw(`${head}transfer-encoding: chunked\r\n\r\n${chunk.repeat(3)}`)).toMatch(
      /^HTTP\/1\.1 413 .*BODY_TOO_LARGE/s,
    );
  });

  it('forgets a request that is cut off', async () => {
    const { port } = new URL(service.url);
    for (let i = 0; i < 50; i++) {
      const socket = connectTo(Number(port), '127.0.0.1', () => {
        socket.write(`${head}content-length: 20\r\n\r\n{`);
        socket.resetAndDestroy();
      });
      socket.on('error', () => undefined);
    }
    await until('it answers', async () => (await ask(service.url, 'identify', {})).status === 200);
  });
});
