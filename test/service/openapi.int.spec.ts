import { randomUUID } from 'node:crypto';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { OPERATIONS, PROBLEMS } from '../../src/wire/index.js';
import { type TestDatabase, createDatabase } from '../support/engines.js';
import { type TestService, startService } from '../support/service.js';
import { ask, shipment } from './support/ask.js';

// Property: the OpenAPI document says what the running service does.

interface Documented {
  requestBody: { content: { 'application/json': { schema: object } } };
  responses: Record<string, { content: { 'application/json': { schema: object } } }>;
}

describe('the OpenAPI document', () => {
  let database: TestDatabase;
  let service: TestService;
  let document: {
    paths: Record<string, { post: Documented; get: Documented }>;
    components: { responses: { problem: Documented['responses'][string] } };
  };

  beforeAll(async () => {
    database = await createDatabase('sqlite');
    service = await startService(database);
    const { body } = await ask(service.url, 'openapi.json', undefined, { method: 'GET' });
    document = body as typeof document;
  });

  afterAll(async () => {
    await service.close();
    await database.drop();
  });

  const ajv = new Ajv2020({ strictTypes: false });
  const wrongIn = (schema: object, value: unknown) => {
    const validate = ajv.compile(schema);
    return validate(value) ? [] : validate.errors;
  };
  const schemaIn = (one: Documented['responses'][string] | Documented['requestBody']) =>
    one.content['application/json'].schema;

  it('has each operation, and no other', () => {
    expect(Object.keys(document.paths).sort()).toEqual(
      ['/health', ...Object.keys(OPERATIONS).map((name) => `/${name}`)].sort(),
    );
  });

  it('is fulfilled by what each operation takes and answers', async () => {
    const lease = { seq: 1, token: randomUUID(), subscription: 1 };
    const attempt = { failures: 1, lostLeases: 0 };
    const claim = { subscription: 1, claimId: randomUUID(), leaseMs: 60_000 };
    const requests: Record<keyof typeof OPERATIONS, object> = {
      subscribe: { topic: 'payment.succeeded', group: 'g', version: 1 },
      acceptance: { origin: randomUUID() },
      send: shipment({ headers: [['a', 'b']] }, { orderingKey: 'k' }, {}),
      identify: {},
      poll: { subscription: 1, after: 0 },
      wait: { subscriptions: [1], waitMs: 0 },
      claim: { ...claim, limit: 10, keys: 'all', waitMs: 1 },
      'claim-alone': { subscription: 1, claimId: randomUUID(), seq: 1, leaseMs: 1_000 },
      extend: { leases: [lease], leaseMs: 1_000 },
      'retry-later': { lease, ...attempt, delayMs: 0 },
      'dead-letter': { lease, ...attempt, reason: 'rejected' },
      'give-back': { lease, delayMs: 0 },
      acknowledge: { leases: [lease] },
      'give-up-claim': { subscription: 1, claimId: claim.claimId },
      unfinished: { subscription: 1, slackMs: 0, limit: 10 },
      administer: { call: 'groups.list' },
    };
    for (const [name, request] of Object.entries(requests)) {
      const { post } = document.paths[`/${name}`]!;
      expect([name, wrongIn(schemaIn(post.requestBody), request)]).toEqual([name, []]);
      const { status, body } = await ask(service.url, name, request);
      expect([name, status]).toEqual([name, 200]);
      expect([name, wrongIn(schemaIn(post.responses['200']!), body)]).toEqual([name, []]);
    }
  });

  it('is fulfilled by what is refused, whose codes it has all', async () => {
    const schema = schemaIn(document.components.responses.problem);
    const { body, code } = await ask(service.url, 'claim', {});
    const codes = (
      schema as unknown as { properties: { error: { properties: { code: { enum: string[] } } } } }
    ).properties.error.properties.code.enum;
    expect(codes).toEqual(Object.keys(PROBLEMS));
    expect(codes).toContain(code);
    expect(Object.keys(body.error as object).sort()).toEqual(['code', 'message']);
  });
});
