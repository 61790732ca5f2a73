import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { failing } from './failing.js';
import { type BrokerParts, openBroker, send, sent } from './parts.js';

// Property: one message is stored for each inner-msg-id, however often it comes; another message under the same id is
// neither stored nor dropped.

describe.each(engines)('what a relay sends, at a broker on %s,', (engine) => {
  let database: TestDatabase;
  let parts: BrokerParts;

  beforeEach(async () => {
    database = await createDatabase(engine);
    parts = await openBroker(database);
  });

  afterEach(async () => {
    await parts.close();
    await database.drop();
  });

  it('lands once when it comes twice in a row', async () => {
    const message = sent('P-1');
    expect(await send(parts.broker, [message])).toEqual(['landed']);
    expect(await send(parts.broker, [message], { claims: 2 })).toEqual(['duplicate']);
    expect(await parts.landed()).toEqual({ 'P-1': 1 });
    expect(parts.seen.map(({ type }) => type)).toEqual(['landed', 'parked', 'resend-absorbed']);
  });

  it('lands once when it comes twice in one shipment', async () => {
    const message = sent('P-1');
    expect(await send(parts.broker, [message, message])).toEqual(['landed', 'duplicate']);
    expect(await parts.landed()).toEqual({ 'P-1': 1 });
    expect(await parts.quarantined()).toEqual({});
  });

  it.each([
    ['body', { body: Buffer.from('{}') }],
    ['topic', { topic: 'payment.refunded' }],
    ['biz-id', { bizId: Buffer.from('P-2') }],
    ['headers', { headers: Buffer.from('{"trace":"T-1"}') }],
    ['expiry', { expiresAt: 4_102_444_800_000_000 }],
  ])('is quarantined under an id that came before with another %s', async (_what, otherwise) => {
    const message = sent('P-1');
    const other = { ...message, ...otherwise };
    await send(parts.broker, [message]);
    expect(await send(parts.broker, [other])).toEqual(['quarantined']);
    expect(await parts.landed()).toEqual({ 'P-1': 1 });
    const [kept, ...others] = await parts.broker.quarantine.list();
    expect(others).toEqual([]);
    expect(kept).toMatchObject({ reason: 'other-body', copies: 1 });
    const { id } = kept!;
    expect(await parts.broker.quarantine.get(id)).toMatchObject({
      topic: other.topic,
      bizId: other.bizId.toString(),
      body: other.body.toString(),
    });
    // The first one is still known, and so is the second.
    expect(await send(parts.broker, [message, other])).toEqual(['duplicate', 'quarantined']);
    expect(await parts.broker.quarantine.list()).toMatchObject([{ id, copies: 2 }]);
  });

  it('is told from one that differs only in where a part ends', async () => {
    const message = sent('P-1', { headers: Buffer.from('ab'), body: '1' });
    await send(parts.broker, [message]);
    const shifted = { ...message, headers: Buffer.from('b'), body: Buffer.from('1a') };
    expect(await send(parts.broker, [shifted])).toEqual(['quarantined']);
  });

  it('is answered in its order, whatever the answers', async () => {
    const [known, other, fresh, next] = ['P-1', 'P-2', 'P-3', 'P-4'].map((bizId) => sent(bizId));
    await send(parts.broker, [known!, other!]);
    const unnamed = sent('P-5', { topic: '' });
    const shipment = [fresh!, { ...other!, body: Buffer.from('0') }, unnamed, known!, next!, fresh!];
    expect(await send(parts.broker, shipment)).toEqual([
      'landed',
      'quarantined',
      'refused',
      'duplicate',
      'landed',
      'duplicate',
    ]);
    expect(await parts.landed()).toEqual({ 'P-1': 1, 'P-2': 1, 'P-3': 1, 'P-4': 1 });
    expect(await parts.quarantined()).toEqual({ 'P-2': 1 });
  });

  it('makes a topic known that the broker has never heard of', async () => {
    expect(await send(parts.broker, [sent('P-1', { topic: 'brand.new' })])).toEqual(['landed']);
    const { id } = await parts.broker.subscribe({ topic: 'brand.new', group: 'cards', version: 1 });
    expect(await parts.count('delivery', `subscription_id = ${id}`)).toBe(1);
  });

  it('lands in order with 3,000 others', async () => {
    const messages = Array.from({ length: 3_000 }, (_, i) => sent(`P-${i}`));
    expect(new Set(await send(parts.broker, messages))).toEqual(new Set(['landed']));
    const rows: { biz_id: Buffer }[] = await parts.dataSource.query(
      'SELECT biz_id FROM mq_message ORDER BY seq',
    );
    expect(rows.map(({ biz_id }) => biz_id.toString())).toEqual(
      messages.map(({ bizId }) => bizId.toString()),
    );
    expect(new Set(await send(parts.broker, messages))).toEqual(new Set(['duplicate']));
  });

  it('takes messages that expire at 50 different times in no more statements than those that never do', async () => {
    const statements = async (expiry: (i: number) => number | undefined) => {
      const counted = failing(parts.connections, { at: 0, when: 'before', error: new Error() });
      const messages = Array.from({ length: 50 }, (_, i) => sent(`P-${i}`, { expiresAt: expiry(i) }));
      await send(parts.another({}, counted), messages);
      return counted.steps;
    };
    // The first shipment of an outbox also makes it known.
    await statements(() => undefined);
    const never = await statements(() => undefined);
    expect(await statements((i) => 4_102_444_800_000_000 + i)).toBe(never);
    const [{ n }] = await parts.dataSource.query('SELECT COUNT(DISTINCT expires_at) AS n FROM mq_message');
    expect(Number(n)).toBe(50);
  });
});
