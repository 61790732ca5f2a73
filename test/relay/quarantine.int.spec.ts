import { IdempotentMqEvents } from '../../src/index.js';
import { Logger } from '@nestjs/common';
import { logRelayEvents } from '../../src/log-relay-events.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { logLines } from '../support/log-lines.js';
import { type BrokerParts, TOPIC, WINDOW_MS, idAt, openBroker, send, sent } from './parts.js';

// Property: what is quarantined is neither stored nor lost; an operator sees it, and decides once.

describe.each(engines)('the quarantine of a broker on %s', (engine) => {
  let database: TestDatabase;
  let parts: BrokerParts;

  beforeEach(async () => {
    database = await createDatabase(engine);
    parts = await openBroker(database);
    await parts.broker.sweep();
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await parts.close();
    await database.drop();
  });

  const late = (bizId: string, more: object = {}) =>
    sent(bizId, { innerMsgId: idAt(Date.now() - 2 * WINDOW_MS), ...more });
  const quarantine = async (bizId: string) => {
    expect(await send(parts.broker, [late(bizId)])).toEqual(['quarantined']);
    return (await parts.broker.quarantine.list({ limit: 1 }))[0]!.id;
  };

  it('is listed newest first, in pages', async () => {
    const ids: string[] = [];
    for (let i = 1; i <= 5; i++) ids.unshift(await quarantine(`P-${i}`));
    const first = await parts.broker.quarantine.list({ limit: 2 });
    expect(first.map(({ bizId }) => bizId)).toEqual(['P-5', 'P-4']);
    const second = await parts.broker.quarantine.list({ limit: 2, after: first[1]!.id });
    expect(second.map(({ bizId }) => bizId)).toEqual(['P-3', 'P-2']);
    const third = await parts.broker.quarantine.list({ limit: 2, after: second[1]!.id });
    expect(third.map(({ id }) => id)).toEqual([ids[4]]);
    expect(await parts.broker.quarantine.list({ after: ids[4]! })).toEqual([]);
    expect(first[0]).toMatchObject({ topic: TOPIC, reason: 'forgotten', copies: 1 });
    expect(Math.abs(first[0]!.quarantinedAt.getTime() - Date.now())).toBeLessThan(60_000);
  });

  it('shows the body of one', async () => {
    const id = await quarantine('P-1');
    expect(await parts.broker.quarantine.get(id)).toMatchObject({
      bizId: 'P-1',
      body: '{"paymentId":"P-1"}',
    });
    expect(await parts.broker.quarantine.get('999999')).toBeUndefined();
  });

  it('lands one that is released, as it was sent, to the groups that there are', async () => {
    const cards = await parts.broker.subscribe({ topic: TOPIC, group: 'cards', version: 1 });
    const expiresAt = 4_102_444_800_000_000;
    const message = late('P-1', { headers: Buffer.from('{"trace":"T-1"}'), expiresAt });
    await send(parts.broker, [message]);
    const { id } = (await parts.broker.quarantine.list())[0]!;
    const rung = new Promise<void>((resolve) => parts.broker.onLanded(TOPIC, () => resolve()));
    expect(await parts.broker.quarantine.release(id)).toBe(true);
    await rung;
    const { deliveries } = await parts.broker.claim({
      subscription: cards,
      claimId: Buffer.alloc(16, 1),
      after: 0,
      limit: 10,
      leaseMs: 60_000,
    });
    expect(deliveries).toHaveLength(1);
    const { bizId, body, headers, innerMsgId, expiresInMs } = deliveries[0]!;
    expect([bizId.toString(), body, headers, innerMsgId]).toEqual([
      'P-1',
      message.body,
      message.headers,
      message.innerMsgId,
    ]);
    expect(expiresInMs).toBeGreaterThan(60_000);
    expect(await parts.broker.quarantine.list()).toEqual([]);
    expect(await parts.broker.quarantine.release(id)).toBe(false);
  });

  it('lands one once that two operators release, or one of them discards, at the same moment', async () => {
    for (let round = 0; round < 20; round++) {
      const id = await quarantine(`P-${round}`);
      const { quarantine: other } = parts.another();
      const discards = round % 2 === 1;
      const decided = await Promise.all([
        parts.broker.quarantine.release(id),
        discards ? other.discard(id) : other.release(id),
      ]);
      expect(decided.filter(Boolean)).toHaveLength(1);
      const landed = (await parts.landed())[`P-${round}`] ?? 0;
      expect(landed).toBe(discards && decided[1] ? 0 : 1);
    }
    expect(await parts.broker.quarantine.list()).toEqual([]);
  });

  it.each(['release', 'discard'] as const)(
    'takes further copies of one that an operator did %s for repeats: the ACK of the first may have got lost',
    async (decision) => {
      const message = late('P-1');
      await send(parts.broker, [message]);
      const { id } = (await parts.broker.quarantine.list())[0]!;
      expect(await parts.broker.quarantine[decision](id)).toBe(true);
      expect(await parts.broker.quarantine[decision](id)).toBe(false);
      for (let copy = 0; copy < 3; copy++) expect(await send(parts.broker, [message])).toEqual(['duplicate']);
      expect(await parts.broker.quarantine.list()).toEqual([]);
      expect(await parts.broker.quarantine.get(id)).toBeUndefined();
      expect(await parts.landed()).toEqual(decision === 'release' ? { 'P-1': 1 } : {});
      // Another message under that id is another question.
      expect(await send(parts.broker, [{ ...message, body: Buffer.from('{}') }])).toEqual(['quarantined']);
    },
  );

  it('refuses what is no id, and what is no length of a page', async () => {
    const { quarantine: api } = parts.broker;
    const refusal = {
      code: 'OPTIONS_INVALID',
      message: expect.stringContaining('the id of a quarantined message'),
    };
    const injected = '1; DROP TABLE mq_quarantine';
    for (const nonsense of [undefined, null, '', 'P-1', injected, '-1', '1.5', 17, '9'.repeat(16), {}]) {
      const id = nonsense as string;
      await expect(api.get(id)).rejects.toMatchObject(refusal);
      await expect(api.release(id)).rejects.toMatchObject(refusal);
      await expect(api.discard(id)).rejects.toMatchObject(refusal);
      if (id !== undefined) await expect(api.list({ after: id })).rejects.toMatchObject(refusal);
    }
    for (const limit of [0, 1_001, 1.5, '10', NaN]) {
      await expect(api.list({ limit: limit as number })).rejects.toThrow(
        'quarantine.list({ limit }) must be a whole number from 1 to 1000',
      );
    }
  });

  it('is told of by an event and a line in the log', async () => {
    const lines = logLines();
    const events = new IdempotentMqEvents();
    logRelayEvents(events, new Logger());
    parts.events.events$.subscribe((event) => events.emit(event));
    await quarantine('P-1');
    expect(parts.seen.at(-1)).toEqual({
      type: 'quarantined',
      innerMsgId: expect.stringMatching(/^[0-9a-f]{32}$/),
      reason: 'forgotten',
      topic: TOPIC,
      bizId: 'P-1',
    });
    expect(lines).toEqual([
      expect.stringMatching(
        /^error: Quarantined \(forgotten\): P-1 of payment.succeeded; broker.quarantine lists/,
      ),
    ]);
  });
});
