import { engines } from '../support/engines.js';
import {
  type BrokerParts,
  type BusinessParts,
  drain,
  openBroker,
  openBusiness,
  sent,
  through,
} from './parts.js';
import type { SendAnswer } from '../../src/transport/port.js';
import { until } from '../support/until.js';
import { type TwoDatabases, twoDatabases } from './support.js';

// Property: each row of an outbox is with one relay at a time; one that stalls past its lease is replaced, and what it
// still does then changes nothing.

describe.each(engines)('relays of one outbox, on %s,', (engine) => {
  let databases: TwoDatabases;
  let parts: BrokerParts;
  let business: BusinessParts;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
    parts = await openBroker(databases.broker);
    business = await openBusiness(databases.business);
  });

  afterEach(async () => {
    await business.close();
    await parts.close();
    await databases.drop();
  });

  const payments = (count: number) => Array.from({ length: count }, (_, i) => ({ bizId: `P-${i}` }));

  it('never send the same row at once', async () => {
    await business.put(payments(200));
    const under = new Set<string>();
    const twice: string[] = [];
    const watched = through(parts.broker, {
      send: async (shipment) => {
        const ids = shipment.messages.map(({ innerMsgId }) => innerMsgId.toString('hex'));
        twice.push(...ids.filter((id) => under.has(id)));
        for (const id of ids) under.add(id);
        const answers = await parts.broker.send(shipment);
        for (const id of ids) under.delete(id);
        return answers;
      },
    });
    const relays = Array.from({ length: 4 }, () => business.relay(watched, { batch: 7 }));
    await Promise.all(
      relays.map(async (relay) => {
        while ((await relay.relayOnce()) !== undefined);
      }),
    );
    while ((await business.count('outbox')) > 0) await relays[0]!.relayOnce();
    expect(twice).toEqual([]);
    expect(business.seen.filter(({ type }) => type === 'sent')).toHaveLength(200);
    expect(Object.values(await parts.landed())).toEqual(Array(200).fill(1));
    expect(parts.seen.filter(({ type }) => type === 'resend-absorbed')).toEqual([]);
  });

  it('take over from one that stalls past its lease, whose late delete then finds nothing of its own', async () => {
    await business.put(payments(3));
    const acceptance = await parts.broker.acceptance(await business.claims().origin());
    const claims = business.claims();
    const stalled = (await claims.claim(acceptance, { limit: 10, leaseMs: 60_000 }))!;
    await parts.broker.send({ origin: stalled.origin, claims: stalled.claims, messages: stalled.rows });
    expect(await claims.claim(acceptance, { limit: 10, leaseMs: 60_000 })).toBeUndefined();
    await business.endLeases();
    const rescuer = (await business.claims().claim(acceptance, { limit: 10, leaseMs: 60_000 }))!;
    expect(rescuer.rows.map(({ innerMsgId }) => innerMsgId)).toEqual(
      stalled.rows.map(({ innerMsgId }) => innerMsgId),
    );
    expect(rescuer.rows.map(({ sends }) => sends)).toEqual([2, 2, 2]);
    expect(await claims.acknowledged(stalled, stalled.rows)).toBe(0);
    await claims.postpone(stalled, stalled.rows, 0);
    // Postponed by the one that has lost it, it would be free now.
    expect(await claims.claim(acceptance, { limit: 10, leaseMs: 60_000 })).toBeUndefined();
    expect(await business.count('outbox')).toBe(3);
    const shipment = { origin: rescuer.origin, claims: rescuer.claims, messages: rescuer.rows };
    expect((await parts.broker.send(shipment)).map(({ kind }) => kind)).toEqual(Array(3).fill('duplicate'));
    expect(await claims.acknowledged(rescuer, rescuer.rows)).toBe(3);
  });

  it('count each claim, also of several relays at once', async () => {
    await business.put(payments(20));
    const acceptance = await parts.broker.acceptance(await business.claims().origin());
    const claimed = await Promise.all(
      Array.from({ length: 5 }, () => business.claims().claim(acceptance, { limit: 4, leaseMs: 60_000 })),
    );
    const counts = claimed.flatMap((claim) => (claim ? [claim.claims] : []));
    expect(new Set(counts).size).toBe(counts.length);
    const seqs = claimed.flatMap((claim) => claim?.rows.map(({ seq }) => seq) ?? []);
    expect(new Set(seqs).size).toBe(seqs.length);
  });

  it('say so where the row by which the broker knows the outbox is gone', async () => {
    await business.put(payments(1));
    await business.dataSource.query('DELETE FROM mq_outbox_origin');
    await expect(business.relay(parts.broker).relayOnce()).rejects.toThrow('Restore it from a backup');
    expect(await business.count('outbox')).toBe(1);
  });

  it('get the others through where one message can never be sent', async () => {
    await business.put(payments(30));
    let shipments = 0;
    const poisoned = through(parts.broker, {
      send: async (shipment) => {
        shipments++;
        if (shipment.messages.some(({ bizId }) => bizId.toString() === 'P-7')) throw new Error('poison');
        return parts.broker.send(shipment);
      },
    });
    const rounds = async () => {
      const relay = business.relay(poisoned, { retry: { delayMs: 60_000, maxDelayMs: 60_000 } });
      while ((await relay.relayOnce().catch(() => 0)) !== undefined);
    };
    // Twice with all of them, then with some of them, then alone.
    for (let i = 0; i < 4; i++) {
      await business.endLeases();
      await rounds();
    }
    expect(await business.count('outbox')).toBe(1);
    expect(Object.keys(await parts.landed())).toHaveLength(29);
    // Later ones don't wait for it, also when its turn has come again.
    await business.put([{ bizId: 'N-1' }]);
    await business.endLeases();
    await rounds();
    expect(await parts.landed()).toMatchObject({ 'N-1': 1 });
    expect(shipments).toBeLessThan(25);
    // And it leaves when its cause is gone.
    await drain(business, business.relay(parts.broker));
    expect(await parts.landed()).toMatchObject({ 'P-7': 1 });
  });

  it('keep a message that is too large for the broker, and no other, until the broker takes it', async () => {
    const body = 'x'.repeat(5_000);
    await business.put([{ bizId: 'P-1' }, { bizId: 'P-2', body }, { bizId: 'P-3' }]);
    const small = parts.another({ landing: { maxRows: 100, maxBytes: 2_000, packetBytes: 4_000 } });
    await business.relay(small).relayOnce();
    expect(await parts.landed()).toEqual({ 'P-1': 1, 'P-3': 1 });
    expect(business.seen.filter(({ type }) => type === 'refused')).toMatchObject([
      { bizId: 'P-2', error: expect.stringContaining('max_allowed_packet = 4000') },
    ]);
    await business.put([{ bizId: 'P-4' }]);
    await business.endLeases();
    await business.relay(small).relayOnce();
    expect(await parts.landed()).toMatchObject({ 'P-4': 1 });
    expect(await business.count('outbox')).toBe(1);
    await drain(business, business.relay(parts.broker));
    expect(await parts.landed()).toMatchObject({ 'P-2': 1 });
    expect(await parts.quarantined()).toEqual({});
  });

  it.each<[string, (answers: SendAnswer[]) => unknown]>([
    ['fewer of them', (answers) => answers.slice(1)],
    ['more of them', (answers) => [...answers, ...answers]],
    ['a text', () => 'internal error'],
    ['nothing', () => undefined],
    ['a list of nothing', (answers) => answers.map(() => null)],
    ['a list of texts', (answers) => answers.map(() => 'landed')],
  ])('keep what they sent where the broker gives %s for an answer', async (_what, lie) => {
    await business.put(payments(2));
    const lying = through(parts.broker, {
      send: async (shipment) => lie(await parts.broker.send(shipment)) as SendAnswer[],
    });
    await business
      .relay(lying)
      .relayOnce()
      .catch(() => undefined);
    expect(await business.count('outbox')).toBe(2);
    expect(business.seen.filter(({ type }) => type === 'ack-missed')).toMatchObject([
      { bizId: 'P-0', sends: 1 },
      { bizId: 'P-1', sends: 1 },
    ]);
    await drain(business, business.relay(parts.broker));
    expect(await parts.landed()).toEqual({ 'P-0': 1, 'P-1': 1 });
  });

  it.each([{}, { kind: 'deferred' }, { kind: 'Landed' }, { error: 'internal' }])(
    'keep what is answered with something that is no ACK: %j',
    async (answer) => {
      await business.put(payments(2));
      const newer = through(parts.broker, { send: async () => [{ kind: 'landed' }, answer as SendAnswer] });
      await business.relay(newer).relayOnce();
      expect(await business.count('outbox')).toBe(1);
      expect(business.seen.filter(({ type }) => type === 'refused')).toMatchObject([
        { bizId: 'P-1', error: expect.stringContaining('none that this version knows') },
      ]);
    },
  );

  it('take an ACK from a broker that answers without a promise', async () => {
    await business.put(payments(1));
    const immediate = through(parts.broker, { send: () => [{ kind: 'landed' }] as never });
    await business.relay(immediate).relayOnce();
    expect(await business.count('outbox')).toBe(0);
  });

  it.each([
    { poisoned: 10, good: 20 },
    { poisoned: 40, good: 100 },
    { poisoned: 600, good: 20 },
  ])('get $good through beside $poisoned that no broker takes', async ({ poisoned, good }) => {
    await business.put(Array.from({ length: poisoned }, (_, i) => ({ bizId: `BAD-${i}` })));
    await business.put(payments(good));
    const choosy = through(parts.broker, {
      send: async (shipment) => {
        if (shipment.messages.some(({ bizId }) => bizId.toString().startsWith('BAD'))) throw new Error('bad');
        return parts.broker.send(shipment);
      },
    });
    // Each may be tried again at once: the worst that its backoff can do to the others.
    const relay = business.relay(choosy);
    const landed = async () => Object.keys(await parts.landed()).length;
    const rounds = async (most: number, wanted: number) => {
      for (let round = 0; round < most && (await landed()) < wanted; round++) {
        await business.endLeases();
        await relay.relayOnce();
      }
      expect(await landed()).toBe(wanted);
    };
    await rounds(200, good);
    await business.put([{ bizId: 'LATER' }]);
    await rounds(4, good + 1);
    expect(await business.count('outbox')).toBe(poisoned);
  });

  it('send again what filled a claim to the last row and got no ACK', async () => {
    await business.put(payments(5));
    let lost = 0;
    const losing = through(parts.broker, {
      send: async (shipment) => {
        const answers = await parts.broker.send(shipment);
        if (lost++ === 0) throw new Error('ACK 3 got lost');
        return answers;
      },
    });
    const relay = business.relay(losing, { batch: 5 });
    await until('they have left', async () => {
      await relay.relayOnce().catch(() => undefined);
      return (await business.count('outbox')) === 0;
    });
    expect(Object.keys(await parts.landed())).toHaveLength(5);
  });

  it('would double what they send under ids of their own each time', async () => {
    await business.put(payments(1));
    let lost = 0;
    const renaming = through(parts.broker, {
      send: async ({ messages, ...shipment }) => {
        const renamed = messages.map((message) => ({ ...message, innerMsgId: sent('').innerMsgId }));
        const answers = await parts.broker.send({ ...shipment, messages: renamed });
        if (lost++ === 0) throw new Error('ACK 3 got lost');
        return answers;
      },
    });
    await drain(business, business.relay(renaming));
    expect(await parts.landed()).toEqual({ 'P-0': 2 });
  });
});
