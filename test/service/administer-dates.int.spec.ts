import { randomBytes } from 'node:crypto';
import { BrokerOverHttp, remoteBroker } from '../../src/broker-over-http.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { type TestService, startService } from '../support/service.js';

/** Property: an operator who looks from afar may name a date, and is told when it is none. */
describe.each(engines)('dead letters until a date, over the network, on %s', (engine) => {
  let database: TestDatabase;
  let service: TestService;
  let over: BrokerOverHttp;

  beforeEach(async () => {
    database = await createDatabase(engine);
    service = await startService(database);
    over = new BrokerOverHttp({ url: service.url });
    const { transport } = over;
    const subscription = await transport.subscribe({ topic: 'payments', group: 'cards', version: 1 });
    const message = { topic: 'payments', bizId: Buffer.from('P-1'), body: Buffer.from('{}'), headers: null };
    const innerMsgId = Buffer.from(`${Date.now().toString(16).padStart(12, '0')}70008000000000000001`, 'hex');
    const messages = [{ ...message, innerMsgId, expiresAt: undefined }];
    await transport.send({ origin: randomBytes(16), claims: 1, messages });
    const claim = { subscription, claimId: randomBytes(16), after: 0, limit: 1, leaseMs: 30_000 };
    const { deliveries } = await transport.claim(claim);
    await transport.deadLetter(deliveries[0]!, { failures: 1, lostLeases: 0, errors: null }, 'rejected');
  });

  afterEach(async () => {
    await over.close();
    await service.close();
    await database.drop();
  });

  it('finds those that were dead by then, and no others', async () => {
    const { deadLetters } = remoteBroker(over);
    const [letter] = await deadLetters.list();
    expect(letter).toMatchObject({ bizId: 'P-1', reason: 'rejected' });
    const before = new Date(letter!.deadAt.getTime() - 1);
    expect(await deadLetters.purge({ deadUntil: before })).toBe(0);
    expect(await deadLetters.list({ deadUntil: letter!.deadAt })).toEqual([letter]);
    expect(await deadLetters.purge({ deadUntil: letter!.deadAt })).toBe(1);
  });

  it('takes a date of any zone', async () => {
    const deadUntil = '2999-12-31T23:59:59+05:30';
    const request = { call: 'deadLetters.purge' as const, arguments: [{ deadUntil }] };
    expect(await over.requests.ask('administer', request)).toEqual({ result: 1 });
  });

  it.each([
    'yesterday',
    '12',
    '2999-12-31',
    '2999-12-31T23:59:59',
    '2999-02-30T00:00:00Z',
    '2999-13-01T00:00:00Z',
    'Fri, 31 Dec 2999 00:00:00 GMT',
  ])('refuses what is no date with a zone: %s', async (deadUntil) => {
    const asked = over.requests.ask('administer', { call: 'deadLetters.purge', arguments: [{ deadUntil }] });
    await expect(asked).rejects.toMatchObject({
      code: 'BROKER_REFUSED',
      problem: 'REQUEST_INVALID',
      message: expect.stringContaining('deadUntil') as string,
    });
  });
});
