import { markAllMaybeSent } from '../../src/storage/index.js';
import { engines } from '../support/engines.js';
import { type TwoDatabases, twoDatabases } from './support.js';
import {
  type BrokerParts,
  type BusinessParts,
  DAY_MS,
  HOUR_MS,
  WINDOW_MS,
  drain,
  idAt,
  openBroker,
  openBusiness,
  through,
} from './parts.js';
import { backUp } from './restored.js';

// Property: after a backup of the publisher's database was restored, nothing that had been sent since it was made lands a
// second time: it is absorbed, or quarantined. And what is published then is delivered.

describe.each(engines)('an outbox that was restored from a backup, on %s,', (engine) => {
  let databases: TwoDatabases;
  let parts: BrokerParts;
  let business: BusinessParts;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
    parts = await openBroker(databases.broker);
    business = await openBusiness(databases.business);
    await parts.broker.sweep();
    // It has a past: the broker knows it.
    await business.put([{ bizId: 'P-0' }]);
    await drain(business, business.relay(parts.broker));
  });

  afterEach(async () => {
    await business.close();
    await parts.close();
    await databases.drop();
  });

  const restoredEvents = () => business.seen.filter(({ type }) => type === 'outbox-restored');
  const payments = (count: number, prefix = 'P') =>
    Array.from({ length: count }, (_, i) => ({ bizId: `${prefix}-${i + 1}` }));
  const once = (bizIds: readonly { bizId: string }[]) =>
    Object.fromEntries([{ bizId: 'P-0' }, ...bizIds].map(({ bizId }) => [bizId, 1]));

  it('sends again what was in it, under the same ids, and all of it is absorbed', async () => {
    await business.put(payments(10));
    const backup = await backUp(business);
    await drain(business, business.relay(parts.broker));
    await backup.restore();
    await drain(business, business.relay(parts.broker));
    expect(await parts.landed()).toEqual(once(payments(10)));
    expect(await parts.quarantined()).toEqual({});
    expect(restoredEvents()).toEqual([{ type: 'outbox-restored', claims: 1, knownClaims: 2 }]);
  });

  it('says so once, and goes on counting where the broker knows it to be', async () => {
    const backup = await backUp(business);
    for (const { bizId } of payments(3)) {
      await business.put([{ bizId }]);
      await drain(business, business.relay(parts.broker));
    }
    await backup.restore();
    for (const { bizId } of payments(3, 'N')) {
      await business.put([{ bizId }]);
      await drain(business, business.relay(parts.broker));
    }
    expect(restoredEvents()).toEqual([{ type: 'outbox-restored', claims: 1, knownClaims: 4 }]);
    expect(await parts.landed()).toEqual(once([...payments(3), ...payments(3, 'N')]));
    // Four before the restore, then one for what was in the backup and the first that came, and two.
    const [row] = await business.dataSource.query('SELECT claims FROM mq_outbox_origin');
    const { knownClaims } = await parts.broker.acceptance(await business.claims().origin());
    expect(Number(row.claims)).toBe(knownClaims);
    expect(knownClaims).toBeGreaterThan(4);
  });

  it.each([
    ['of half a window and a day ago', -(WINDOW_MS / 2 + DAY_MS)],
    ['of a month ago', -30 * DAY_MS],
    ['of three days ahead', 3 * DAY_MS],
  ])('lands nothing twice whose ids are %s, and were replaced when it was sent', async (_when, offMs) => {
    const old = payments(5).map(({ bizId }, i) => ({ bizId, innerMsgId: idAt(Date.now() + offMs + i) }));
    await business.put(old);
    const backup = await backUp(business);
    await drain(business, business.relay(parts.broker));
    expect(await parts.landed()).toEqual(once(old));
    await backup.restore();
    await drain(business, business.relay(parts.broker));
    expect(await parts.landed()).toEqual(once(old));
    const aside = Object.values(await parts.quarantined()).length;
    const absorbed = parts.seen.filter(({ type }) => type === 'resend-absorbed').length;
    expect(aside + absorbed).toBe(5);
  });

  it('lands nothing twice that was scheduled when the backup was made, and sent since', async () => {
    await business.put(payments(3), { delayMs: HOUR_MS });
    const backup = await backUp(business);
    const becomeDue = () => business.dataSource.query('UPDATE mq_outbox_scheduled SET due_at = 1');
    await becomeDue();
    const relay = business.relay(parts.broker);
    await relay.relayOnce();
    expect(await parts.landed()).toEqual(once(payments(3)));
    await backup.restore();
    await becomeDue();
    await relay.relayOnce();
    expect(await business.count('outbox')).toBe(0);
    expect(await parts.landed()).toEqual(once(payments(3)));
    expect(restoredEvents()).toHaveLength(1);
  });

  it('delivers what was scheduled then and is due long after the restore', async () => {
    const innerMsgId = idAt(Date.now() - 3 * DAY_MS);
    await business.put([{ bizId: 'P-1', innerMsgId }], { delayMs: 30 * DAY_MS });
    const backup = await backUp(business);
    await business.put([{ bizId: 'P-2' }]);
    await drain(business, business.relay(parts.broker));
    await backup.restore();
    await business.put([{ bizId: 'P-3' }]);
    await drain(business, business.relay(parts.broker));
    // A month later its id is below the floor.
    await business.dataSource.query('UPDATE mq_outbox_scheduled SET due_at = 1, inner_msg_id = ?', [
      idAt(Date.now() - 30 * DAY_MS),
    ]);
    await business.relay(parts.broker).relayOnce();
    expect(await parts.landed()).toEqual(once(payments(3)));
    expect(await parts.quarantined()).toEqual({});
  });

  it('is noticed by a relay that has been running all the while', async () => {
    await business.put(payments(5));
    const backup = await backUp(business);
    const relay = business.relay(parts.broker);
    await drain(business, relay);
    await backup.restore();
    await business.put(payments(5, 'N'));
    await drain(business, relay);
    expect(await parts.landed()).toEqual(once([...payments(5), ...payments(5, 'N')]));
    expect(restoredEvents()).toHaveLength(1);
  });

  it.each([
    'before it asks what the broker knows',
    'between that and its claim',
    'while its shipment travels',
  ] as const)('lands nothing twice when the restore comes to a running relay %s', async (when) => {
    await business.put(
      payments(3).map(({ bizId }) => ({ bizId, innerMsgId: idAt(Date.now() - 5 * DAY_MS) })),
    );
    const backup = await backUp(business);
    // Another relay sends all of it.
    const other = () => drain(business, business.relay(parts.broker));
    let restored = false;
    const restore = async () => {
      if (restored) return;
      restored = true;
      await other();
      await backup.restore();
    };
    const relay = business.relay(
      through(parts.broker, {
        acceptance: async (origin) => {
          if (when === 'before it asks what the broker knows') await restore();
          const acceptance = await parts.broker.acceptance(origin);
          if (when === 'between that and its claim') await restore();
          return acceptance;
        },
        send: async (shipment) => {
          const answers = await parts.broker.send(shipment);
          if (when === 'while its shipment travels') await restore();
          return answers;
        },
      }),
    );
    await drain(business, relay);
    expect(restored).toBe(true);
    expect(await parts.landed()).toEqual(once(payments(3)));
    expect(await parts.quarantined()).toEqual({});
  });

  it('would land twice if the broker counted no claims, and remembered no id that was replaced', async () => {
    const old = payments(2).map(({ bizId }) => ({ bizId, innerMsgId: idAt(Date.now() - 5 * DAY_MS) }));
    const forgetful = through(parts.broker, {
      acceptance: async (origin) => ({ ...(await parts.broker.acceptance(origin)), knownClaims: 0 }),
      send: ({ messages, ...shipment }) =>
        parts.broker.send({
          ...shipment,
          messages: messages.map((message) => ({ ...message, formerId: undefined })),
        }),
    });
    await business.put(old);
    const backup = await backUp(business);
    await drain(business, business.relay(forgetful));
    await backup.restore();
    await drain(business, business.relay(forgetful));
    expect(await parts.landed()).toEqual({ 'P-0': 1, 'P-1': 2, 'P-2': 2 });
  });

  it.each([
    { said: true, times: 1 },
    { said: false, times: 2 },
  ])(
    'lands what it had sent $times times, where no relay can notice it and an operator has said so: $said',
    async ({ said, times }) => {
      // Ids that are replaced when they are sent for the first time, unless they may have been sent.
      await business.put(
        payments(3).map(({ bizId }) => ({ bizId, innerMsgId: idAt(Date.now() - 5 * DAY_MS) })),
      );
      const backup = await backUp(business);
      const unnoticed = through(parts.broker, {
        acceptance: async (origin) => ({ ...(await parts.broker.acceptance(origin)), knownClaims: 0 }),
        send: ({ messages, ...shipment }) =>
          parts.broker.send({
            ...shipment,
            messages: messages.map((message) => ({ ...message, formerId: undefined })),
          }),
      });
      // Before the broker knew of replaced ids: sent under the id that the backup has.
      const { database } = business.connections;
      const mark = () => business.connections.controlTransaction((on) => markAllMaybeSent(database, on));
      await mark();
      await drain(business, business.relay(unnoticed));
      await backup.restore();
      if (said) await mark();
      await drain(business, business.relay(unnoticed));
      expect(await parts.landed()).toEqual({ 'P-0': 1, 'P-1': times, 'P-2': times, 'P-3': times });
    },
  );
});
