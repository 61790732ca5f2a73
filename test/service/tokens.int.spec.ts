import { createHash, randomUUID } from 'node:crypto';
import { Tokens } from '../../src/service/index.js';
import { type BrokerToken, type IdempotentMqBrokerOptions, IdempotentMqOperations } from '../../src/index.js';
import { IdempotentMqHealthIndicator, IdempotentMqHealthModule } from '../../src/terminus/index.js';
import { startApp } from '../support/app.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { type TestService, startService } from '../support/service.js';
import { ask, shipment } from './support/ask.js';

const SHOP = 'shop-secret-of-more-than-32-characters';
const CARDS = 'cards-secret-of-more-than-32-characters';
const SMS = 'sms-secret-of-more-than-32-characters-in-all';
const OPERATOR = 'operator-secret-of-more-than-32-characters';
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');

// Property: a token may do what it is for, and nothing else.

describe('a broker service with tokens', () => {
  let database: TestDatabase;
  let service: TestService;

  beforeAll(async () => {
    database = await createDatabase('sqlite');
    service = await startService(database, {
      tokens: [
        { name: 'shop', token: SHOP, publish: ['payment.succeeded'] },
        { name: 'cards', sha256: sha256(CARDS), consume: ['card-issuing'] },
        {
          name: 'sms',
          token: SMS,
          consume: [{ group: 'sms', topics: ['payment.succeeded'] }, 'mails'],
        },
        { name: 'operator', token: OPERATOR, administer: true },
      ],
    });
  });

  afterAll(async () => {
    await service.close();
    await database.drop();
  });

  const told = async (operation: string, request: unknown, token?: string) => {
    const { status, code } = await ask(service.url, operation, request, token === undefined ? {} : { token });
    return code === undefined ? status : `${status} ${code}`;
  };
  const subscribe = (group: string) => ({ topic: 'payment.succeeded', group, version: 1 });

  it('lets nobody in without one', async () => {
    expect(await told('identify', {})).toBe('401 TOKEN_MISSING');
    expect(await told('identify', {}, 'x')).toBe('401 TOKEN_UNKNOWN');
    expect(await told('identify', {}, `${SHOP}x`)).toBe('401 TOKEN_UNKNOWN');
    expect(await told('identify', '{"much": "nonsense', 'x')).toBe('401 TOKEN_UNKNOWN');
    expect(await told('identify', {}, sha256(CARDS))).toBe('401 TOKEN_UNKNOWN');
  });

  it('tells a load balancer that it is there, and nothing more', async () => {
    expect(await ask(service.url, 'health', undefined, { method: 'GET' })).toMatchObject({
      status: 200,
      body: { status: 'ok' },
    });
    expect((await ask(service.url, 'openapi.json', undefined, { method: 'GET' })).code).toBe('TOKEN_MISSING');
  });

  it('lets a publisher publish to its topics: another one’s message stays with its sender', async () => {
    const { body } = await ask(service.url, 'send', shipment({}, { topic: 'refunds' }, {}), { token: SHOP });
    expect(body.answers).toEqual([
      { kind: 'landed' },
      { kind: 'refused', reason: expect.stringMatching(/shop may not publish to refunds/) },
      { kind: 'landed' },
    ]);
    expect(await told('subscribe', subscribe('card-issuing'), SHOP)).toBe('403 SCOPE_MISSING');
    expect(await told('administer', { call: 'topics' }, SHOP)).toBe('403 SCOPE_MISSING');
  });

  it('lets a consumer consume as its groups, and know of no others', async () => {
    expect(await told('send', shipment({}), CARDS)).toBe('403 SCOPE_MISSING');
    expect(await told('acceptance', { origin: randomUUID() }, CARDS)).toBe('403 SCOPE_MISSING');
    expect(await told('subscribe', subscribe('sms'), CARDS)).toBe('403 SCOPE_MISSING');
    const own = await ask(service.url, 'subscribe', subscribe('card-issuing'), { token: CARDS });
    const { id: others } = await service.broker.subscribe(subscribe('sms'));
    const lease = { subscription: others, seq: 1, token: randomUUID() };
    const claim = { claimId: randomUUID(), limit: 1, leaseMs: 1_000 };
    for (const [operation, request] of Object.entries({
      claim: { ...claim, subscription: others },
      'claim-alone': { claimId: randomUUID(), seq: 1, leaseMs: 1_000, subscription: others },
      'give-up-claim': { claimId: randomUUID(), subscription: others },
      poll: { subscription: others, after: 0 },
      wait: { subscriptions: [own.body.subscription, others], waitMs: 0 },
      acknowledge: { leases: [lease] },
      'retry-later': { lease, failures: 1, lostLeases: 0, delayMs: 0 },
      'dead-letter': { lease, failures: 1, lostLeases: 0, reason: 'rejected' },
      'give-back': { lease, delayMs: 0 },
      extend: { leases: [lease], leaseMs: 1_000 },
      unfinished: { subscription: others, slackMs: 0, limit: 1 },
    })) {
      expect([operation, await told(operation, request, CARDS)]).toEqual([operation, '403 SCOPE_MISSING']);
    }
    expect(await told('claim', { ...claim, subscription: own.body.subscription }, CARDS)).toBe(200);
  });

  it('lets a consumer consume the topics that its group has, where it has some', async () => {
    const other = (group: string) => ({ ...subscribe(group), topic: 'salary.paid' });
    expect(await told('subscribe', subscribe('sms'), SMS)).toBe(200);
    expect(await told('subscribe', other('sms'), SMS)).toBe('403 SCOPE_MISSING');
    expect(await told('subscribe', other('mails'), SMS)).toBe(200);
    const { id } = await service.broker.subscribe(other('sms'));
    expect(await told('poll', { subscription: id, after: 0 }, SMS)).toBe('403 SCOPE_MISSING');
  });

  it('lets an operator administer, and nothing else', async () => {
    const { body } = await ask(service.url, 'administer', { call: 'topics' }, { token: OPERATOR });
    expect(body.result).toContainEqual(expect.objectContaining({ topic: 'payment.succeeded' }));
    expect(await told('identify', {}, OPERATOR)).toBe(200);
    expect(await told('send', shipment({}), OPERATOR)).toBe('403 SCOPE_MISSING');
    expect(await told('subscribe', subscribe('card-issuing'), OPERATOR)).toBe('403 SCOPE_MISSING');
  });

  it('lets an operator’s app start, which only administers', async () => {
    const own = await createDatabase('sqlite');
    const app = await startApp(own, { options: { broker: { url: service.url, token: OPERATOR } } });
    try {
      expect(await app.broker.topics()).toContainEqual(
        expect.objectContaining({ topic: 'payment.succeeded' }),
      );
    } finally {
      await app.close();
      await own.drop();
    }
  });
});

describe('an app whose token does not let it look at the broker', () => {
  it('says that the broker is there, and that it was not let in', async () => {
    const [brokers, own] = [await createDatabase('sqlite'), await createDatabase('sqlite')];
    const service = await startService(brokers, {
      tokens: [{ name: 'shop', token: SHOP, publish: ['payment.succeeded'] }],
    });
    const app = await startApp(own, {
      imports: [IdempotentMqHealthModule.forRoot({})],
      options: { broker: { url: service.url, token: SHOP } },
    });
    try {
      const { broker, notes, groups } = await app.nest.get(IdempotentMqOperations).status();
      expect(broker.reachable).toBe(true);
      expect(groups).toEqual([]);
      expect(notes.join()).toContain('administer');
      expect(await app.nest.get(IdempotentMqHealthIndicator).isHealthy('mq')).toMatchObject({
        mq: { status: 'up' },
      });
      await service.close();
      expect((await app.nest.get(IdempotentMqOperations).status()).broker.reachable).toBe(false);
    } finally {
      await app.close();
      await service.close();
      await own.drop();
      await brokers.drop();
    }
  });
});

describe('the options of a broker service', () => {
  const refused = async (options: object): Promise<string> => {
    const database = await createDatabase('sqlite');
    try {
      const service = await startService(database, options);
      await service.close();
      return 'accepted';
    } catch (error) {
      return (error as Error).message;
    } finally {
      await database.drop();
    }
  };

  it.each<[string, object, RegExp]>([
    [
      'another machine’s address without tokens',
      { listen: { host: '0.0.0.0', port: 0 } },
      /listen\.host.*tokens/,
    ],
    ['a port that is none', { listen: { port: 70_000 } }, /listen\.port.*70000/],
    ['an option that is none', { tokenz: [] }, /tokenz.*Known are/],
    ['a limit that is none', { limits: { body: 1 } }, /limits\.body.*bodyBytes/],
    ['a path that ends in a slash', { basePath: '/mq/' }, /basePath/],
    ['an app’s routes as its own', { listen: undefined, tokens: 'none', basePath: '' }, /basePath.*routes/],
    ['to be mounted in an app without tokens', { listen: undefined }, /^tokens .*proxy.*'none'/],
    [
      'to be mounted in an app with none of them',
      { listen: undefined, tokens: [] },
      /^tokens .*at least one/,
    ],
    ['a list of nobody, which would let in everybody', { tokens: [] }, /^tokens .*at least one/],
    ['a database that is none', { dataSource: 'mysql://x' }, /dataSource/],
    ['days for milliseconds', { retention: { deadLetterMs: 90 } }, /retention\.deadLetterMs/],
  ] satisfies [string, Partial<Record<keyof IdempotentMqBrokerOptions | 'tokenz', unknown>>, RegExp][])(
    'refuse %s',
    async (_, options, message) => {
      expect(await refused(options)).toMatch(message);
    },
  );

  it.each<[string, object, RegExp]>([
    ['a short secret', { name: 'a', token: 'short', publish: 'all' }, /tokens\[0\]\.token.*32/],
    [
      'both kinds of secret',
      { name: 'a', token: SHOP, sha256: sha256(SHOP), publish: 'all' },
      /token or sha256/,
    ],
    ['no secret', { name: 'a', publish: 'all' }, /token or sha256/],
    ['no scope', { name: 'a', token: SHOP }, /publish, consume or administer/],
    ['a wildcard', { name: 'a', token: SHOP, publish: ['payment.*'] }, /publish\[0\].*wildcards/],
    ['an empty list', { name: 'a', token: SHOP, consume: [] }, /consume/],
    ['a group of no topics', { name: 'a', token: SHOP, consume: [{ group: 'g' }] }, /consume\[0\]\.topics/],
    [
      'a group’s field that is none',
      { name: 'a', token: SHOP, consume: [{ group: 'g', topic: 't' }] },
      /consume\[0\]\.topic /,
    ],
    [
      'a group that is none',
      { name: 'a', token: SHOP, consume: [{ group: '', topics: ['t'] }] },
      /consume\[0\]/,
    ],
    ['a scope that is none', { name: 'a', token: SHOP, admin: true }, /tokens\[0\]\.admin/],
  ])('refuse a token with %s, and show no secret', (_, token, message) => {
    const making = () => new Tokens([token as BrokerToken]);
    expect(making).toThrow(message);
    expect(making).not.toThrow(SHOP);
  });

  it.each<[string, object]>([
    ['tokens that are one text', { tokens: SHOP }],
    ['a token that is a text', { tokens: [SHOP] }],
    ['a secret in place of its SHA-256', { tokens: [{ name: 'a', sha256: SHOP, publish: 'all' }] }],
    ['a database’s URL', { dataSource: `mysql://broker:${SHOP}@db/broker` }],
    ['a database’s URL in an option that is none', { database: `mysql://broker:${SHOP}@db/broker` }],
    ['one within an object', { databases: { broker: `mysql://broker:${SHOP}@db/broker` } }],
  ])('show no secret where %s came', async (_, options) => {
    const message = await refused(options);
    expect(message).toMatch(/must be .*\*\*\*/);
    expect(message).not.toContain(SHOP.slice(0, 10));
  });

  it('refuse two tokens of one secret', () => {
    const tokens = [
      { name: 'a', token: SHOP, publish: 'all' as const },
      { name: 'b', sha256: sha256(SHOP), consume: 'all' as const },
    ];
    expect(() => new Tokens(tokens)).toThrow(/differ/);
  });
});
