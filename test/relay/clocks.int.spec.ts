import * as statements from '../../src/storage/statements/index.js';
import type { SentMessage } from '../../src/transport/port.js';
import { engines } from '../support/engines.js';
import { type TwoDatabases, twoDatabases } from './support.js';
import {
  type BrokerParts,
  type BusinessParts,
  DAY_MS,
  HOUR_MS,
  MINUTE_MS,
  WINDOW_MS,
  drain,
  idAt,
  openBroker,
  openBusiness,
  send,
  through,
} from './parts.js';

// Property: whatever the publisher's clock shows, every copy of every message is accounted for over two windows: the first
// one lands, the others are absorbed, or quarantined from some time on; and none lands twice.

jest.mock('../../src/storage/statements/index.js', () => ({
  __esModule: true,
  ...jest.requireActual<object>('../../src/storage/statements/index.js'),
}));

const STEPS = 8;

describe.each(engines)('publishers whose clocks are wrong, with a broker on %s,', (engine) => {
  let databases: TwoDatabases;
  let parts: BrokerParts;
  let business: BusinessParts;
  let brokerMs: number;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
    parts = await openBroker(databases.broker);
    business = await openBusiness(databases.business);
    brokerMs = Date.now();
    jest.spyOn(statements, 'readClock').mockImplementation(async () => brokerMs * 1000);
  });

  afterEach(async () => {
    jest.restoreAllMocks();
    await business.close();
    await parts.close();
    await databases.drop();
  });

  it.each([
    ['right', 0],
    ['an hour ahead', HOUR_MS],
    ['an hour behind', -HOUR_MS],
    ['a day and a minute ahead', DAY_MS + MINUTE_MS],
    ['six days behind', -6 * DAY_MS],
    ['a year behind', -365 * DAY_MS],
  ])('%s', async (_which, offMs) => {
    const everSent: SentMessage[] = [];
    const fates = new Map<string, string[]>();
    const relay = business.relay(
      through(parts.broker, {
        send: async (shipment) => {
          everSent.push(...shipment.messages);
          return parts.broker.send(shipment);
        },
      }),
    );
    for (let step = 0; step <= 2 * STEPS; step++) {
      if (step <= STEPS) await business.put([{ bizId: `P-${step}`, innerMsgId: idAt(brokerMs + offMs) }]);
      // Each process has begun to watch the clock at another time.
      await parts.another().sweep();
      await drain(business, relay);
      await parts.another().sweep();
      const answers = await send(parts.broker, everSent, { claims: 1_000 });
      for (const [i, { bizId }] of everSent.entries()) {
        const of = fates.get(bizId.toString()) ?? [];
        fates.set(bizId.toString(), [...of, answers[i]!]);
      }
      brokerMs += WINDOW_MS / STEPS;
    }
    const ids = Array.from({ length: STEPS + 1 }, (_, i) => `P-${i}`);
    expect(await parts.landed()).toEqual(Object.fromEntries(ids.map((id) => [id, 1])));
    let quarantined = 0;
    for (const [id, answers] of fates) {
      const firstLate = answers.indexOf('quarantined');
      const [known, late] =
        firstLate < 0 ? [answers, []] : [answers.slice(0, firstLate), answers.slice(firstLate)];
      expect([id, new Set(known)]).toEqual([id, new Set(['duplicate'])]);
      // Half a window at least was left for sending it again.
      expect(known.length).toBeGreaterThanOrEqual(STEPS / 2);
      // What is forgotten stays forgotten.
      expect(late.every((answer) => answer === 'quarantined')).toBe(true);
      quarantined += late.length;
    }
    expect(quarantined).toBeGreaterThan(STEPS);
    const copies = Object.values(await parts.quarantined()).reduce((sum, n) => sum + n, 0);
    expect(copies).toBe(quarantined);
  });

  it('an outbox that was offline for a month is delivered, each message under a fresh id', async () => {
    await parts.broker.sweep();
    const ids = Array.from({ length: 200 }, (_, i) => idAt(brokerMs - 30 * DAY_MS + i));
    await business.put(ids.map((innerMsgId, i) => ({ bizId: `P-${i}`, innerMsgId })));
    await business.relay(parts.broker).relayOnce();
    expect(Object.values(await parts.landed())).toEqual(Array(200).fill(1));
    expect(await parts.quarantined()).toEqual({});
    const rows: { id: Buffer }[] = await parts.dataSource.query('SELECT inner_msg_id AS id FROM mq_message');
    const floor = (await parts.broker.acceptance(Buffer.alloc(16))).floor!;
    expect(rows).toHaveLength(200);
    expect(rows.every(({ id }) => id.compare(floor) > 0)).toBe(true);
  });

  it('a message that may have been sent a month ago keeps its id, and is quarantined', async () => {
    await parts.broker.sweep();
    const innerMsgId = idAt(brokerMs - 30 * DAY_MS);
    await business.put([{ bizId: 'P-1', innerMsgId }]);
    await business.dataSource.query('UPDATE mq_outbox SET first_sent_at = 1');
    await business.put([{ bizId: 'P-2', innerMsgId: idAt(brokerMs - 30 * DAY_MS) }]);
    await business.relay(parts.broker).relayOnce();
    expect(await parts.landed()).toEqual({ 'P-2': 1 });
    expect(await parts.quarantined()).toEqual({ 'P-1': 1 });
    expect(await business.count('outbox')).toBe(0);
    const [{ id }] = await parts.dataSource.query('SELECT inner_msg_id AS id FROM mq_quarantine');
    expect((id as Buffer).equals(innerMsgId)).toBe(true);
  });

  it('what is new is delivered by a broker whose clock was a year ahead for a while', async () => {
    brokerMs += 365 * DAY_MS;
    await parts.another().sweep();
    brokerMs -= 365 * DAY_MS;
    await business.put([{ bizId: 'P-1' }]);
    await business.relay(parts.broker).relayOnce();
    expect(await parts.landed()).toEqual({ 'P-1': 1 });
  });

  it('nothing is forgotten when the clock jumps, forwards or backwards, and the floor is never lowered', async () => {
    const floor = async () => {
      const [row] = await parts.dataSource.query('SELECT floor FROM mq_accepted_floor');
      return (row.floor as Buffer).toString('hex');
    };
    await parts.broker.sweep();
    const before = await floor();
    await business.put([{ bizId: 'P-1' }]);
    await drain(business, business.relay(parts.broker));
    for (const jump of [2 * WINDOW_MS, -2 * WINDOW_MS]) {
      brokerMs += jump;
      await parts.broker.sweep();
      expect(await floor()).toBe(before);
      brokerMs -= jump;
    }
    // Set back: a process that begins to look then knows from the others.
    brokerMs -= 2 * WINDOW_MS;
    await parts.another().sweep();
    expect(await floor()).toBe(before);
    expect(
      parts.seen.flatMap((event) => (event.type === 'clock-jumped' ? [Math.sign(event.byMs)] : [])),
    ).toEqual([1, -1, -1]);
    expect(await parts.count('accepted')).toBe(1);
    brokerMs += 2 * WINDOW_MS + HOUR_MS;
    await parts.another().sweep();
    expect((await floor()) > before).toBe(true);
  });
});
