import { randomUUID } from 'node:crypto';
import { DataSource } from 'typeorm';
import { makeSqliteSafe } from '../../src/storage/index.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { type TestService, startService } from '../support/service.js';
import { countRows, letPass, tableSizes } from '../support/tables.js';
import { until } from '../support/until.js';
import { ask, shipment } from './support/ask.js';
import { withTestStatements } from '../support/postgres-words.js';

// Property: any request may come again, at the same moment or late, and has one effect.

const LEASE_MS = 60_000;
const TIMES = 8;

describe.each(engines)('a request that comes more than once, on %s,', (engine) => {
  let database: TestDatabase;
  let service: TestService;
  let tables: DataSource;
  let subscription: number;

  beforeEach(async () => {
    database = await createDatabase(engine);
    service = await startService(database);
    tables = withTestStatements(new DataSource(database.options));
    if (engine === 'sqlite') makeSqliteSafe(tables);
    await tables.initialize();
    subscription = (await does('subscribe', { topic: 'payment.succeeded', group: 'g', version: 1 }))
      .subscription;
  });

  afterEach(async () => {
    await tables.destroy();
    await service.close();
    await database.drop();
  });

  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  const does = async (operation: string, request: unknown): Promise<any> => {
    const { status, body } = await ask(service.url, operation, request);
    if (status !== 200) throw new Error(JSON.stringify(body));
    return body;
  };
  const atOnce = (operation: string, request: unknown) =>
    Promise.all(Array.from({ length: TIMES }, () => does(operation, request)));
  const land = (count: number, more: object = {}) =>
    does('send', shipment(...Array.from({ length: count }, () => more)));
  const claimOf = (limit: number, more: object = {}) => ({
    subscription,
    claimId: randomUUID(),
    limit,
    leaseMs: LEASE_MS,
    ...more,
  });
  const seqsOf = ({ deliveries }: { deliveries: { seq: number }[] }) =>
    deliveries.map(({ seq }) => seq).sort();
  const leaseOf = ({ seq, token, orderingKey }: Record<string, unknown>) => ({
    subscription,
    seq,
    token,
    orderingKey,
  });

  it('lands one message', async () => {
    const request = shipment({}, {});
    const answers = (await atOnce('send', request)).map(({ answers }) =>
      answers.map((a: { kind: string }) => a.kind),
    );
    expect(answers.flat().sort()).toEqual([...Array(14).fill('duplicate'), 'landed', 'landed']);
    expect(await countRows(tables, 'message')).toBe(2);
  });

  it('leases nothing more, and is given the same', async () => {
    await land(10);
    const claim = claimOf(4);
    const answers = await atOnce('claim', claim);
    const [first] = answers;
    expect(first.deliveries).toHaveLength(4);
    for (const answer of answers) expect(seqsOf(answer)).toEqual(seqsOf(first));
    for (const answer of answers) expect(answer.lastSeen).toBe(first.lastSeen);
    const rest = await does('claim', claimOf(100));
    expect(rest.deliveries).toHaveLength(6);
    // Late, when some of them are done.
    await does('acknowledge', { leases: first.deliveries.slice(0, 3).map(leaseOf) });
    expect(seqsOf(await does('claim', claim))).toEqual([first.deliveries[3].seq]);
  });

  it('leases nothing more of ordering keys either', async () => {
    await does('send', shipment({ orderingKey: 'a' }, { orderingKey: 'a' }, { orderingKey: 'b' }));
    const claim = claimOf(10, { keys: 'all' });
    const answers = await atOnce('claim', claim);
    for (const answer of answers) {
      expect(answer.deliveries.map((d: { orderingKey: string }) => d.orderingKey).sort()).toEqual(['a', 'b']);
      expect(answer.keys).toEqual(answers[0].keys);
    }
    expect((await does('claim', claimOf(10, { keys: 'all' }))).deliveries).toEqual([]);
  });

  it('is given nothing when it was given up before it came', async () => {
    await land(3);
    const claim = claimOf(3);
    expect(await does('give-up-claim', { subscription, claimId: claim.claimId })).toEqual({ handedBack: 0 });
    expect((await does('claim', claim)).deliveries).toEqual([]);
    expect((await does('claim', claimOf(3))).deliveries).toHaveLength(3);
  });

  it('is given up at no cost', async () => {
    await land(3);
    const claim = claimOf(3);
    const { deliveries } = await does('claim', claim);
    await does('acknowledge', { leases: [leaseOf(deliveries[0])] });
    const handedBack = (await atOnce('give-up-claim', { subscription, claimId: claim.claimId })).map(
      (answer) => answer.handedBack,
    );
    expect(handedBack.reduce((a, b) => a + b)).toBe(2);
    const again = await does('claim', claimOf(3));
    expect(again.deliveries.map((d: object) => d)).toEqual([
      expect.objectContaining({ failures: 0, lostLeases: 0 }),
      expect.objectContaining({ failures: 0, lostLeases: 0 }),
    ]);
  });

  it('is no other subscription’s claim', async () => {
    await land(2);
    const claim = claimOf(2);
    await does('claim', claim);
    const other = await does('subscribe', { topic: 'payment.succeeded', group: 'other', version: 1 });
    const { deliveries } = await does('claim', { ...claim, subscription: other.subscription });
    expect(deliveries).toEqual([]);
    await does('give-up-claim', { subscription: other.subscription, claimId: claim.claimId });
    expect(seqsOf(await does('claim', claim))).toHaveLength(2);
  });

  it('acknowledges once, and says so once', async () => {
    await land(3);
    const { deliveries } = await does('claim', claimOf(3));
    const answers = await atOnce('acknowledge', { leases: deliveries.map(leaseOf) });
    const taken = answers.flatMap((answer) => answer.taken);
    expect(taken.filter(Boolean)).toHaveLength(3);
    await until('step 6 is done', async () => (await countRows(tables, 'message')) === 0);
    expect(await tableSizes(tables)).toEqual({});
  });

  it('acknowledges nothing when it is late, and somebody else has the delivery', async () => {
    await land(2);
    const { deliveries } = await does('claim', claimOf(2));
    await letPass(tables, LEASE_MS + 1);
    const { suspects } = await does('claim', claimOf(2));
    expect(suspects).toHaveLength(2);
    const alone = { subscription, claimId: randomUUID(), leaseMs: LEASE_MS, ...suspects[0] };
    const answers = await atOnce('claim-alone', alone);
    for (const { delivery } of answers) {
      expect(delivery).toMatchObject({ seq: suspects[0].seq, token: alone.claimId, lostLeases: 1 });
    }
    const late = { leases: deliveries.map(leaseOf), leaseMs: LEASE_MS };
    expect((await does('acknowledge', { leases: late.leases })).taken.filter(Boolean)).toHaveLength(1);
    expect((await does('extend', late)).held).toEqual([false, false]);
    const again = leaseOf(answers[0].delivery);
    const former = { ...again, token: deliveries[0].token };
    // The same process may have lost it, and have it again.
    const both = { leases: [former, again], leaseMs: LEASE_MS };
    expect((await does('extend', both)).held).toEqual([false, true]);
    expect((await does('acknowledge', { leases: [again] })).taken).toEqual([true]);
  });

  it('dead-letters once, and sets aside once', async () => {
    await land(2);
    const { deliveries } = await does('claim', claimOf(2));
    const [one, two] = deliveries.map(leaseOf);
    const attempt = { failures: 1, lostLeases: 0, errors: [{ at: new Date().toISOString(), error: 'no' }] };
    const dead = await atOnce('dead-letter', { lease: one, ...attempt, reason: 'rejected' });
    expect(dead.filter(({ taken }) => taken)).toHaveLength(1);
    const later = await atOnce('retry-later', { lease: two, ...attempt, delayMs: 0 });
    expect(later.filter(({ taken }) => taken)).toHaveLength(1);
    const { result } = await does('administer', { call: 'deadLetters.list' });
    expect(result).toEqual([expect.objectContaining({ failures: 1, errors: attempt.errors })]);
    const { deliveries: again } = await does('claim', claimOf(2, { waitMs: 5_000 }));
    expect(again).toEqual([expect.objectContaining({ seq: two!.seq, failures: 1, errors: attempt.errors })]);
  });

  it('subscribes once, and late ones of an older version bring nothing back', async () => {
    const request = { topic: 'payment.succeeded', group: 'other', version: 1 };
    const ids = new Set((await atOnce('subscribe', request)).map((answer) => answer.subscription));
    expect(ids.size).toBe(1);
    await does('administer', { call: 'removeSubscription', arguments: [request] });
    const told = await ask(service.url, 'subscribe', request);
    expect({ status: told.status, code: told.code }).toEqual({ status: 409, code: 'SUBSCRIPTION_REMOVED' });
  });

  it('is forgotten when its leases have run out', async () => {
    await land(1);
    await does('claim', claimOf(1));
    expect(await countRows(tables, 'claim_answer')).toBe(1);
    await service.broker.sweep();
    expect(await countRows(tables, 'claim_answer')).toBe(1);
    await letPass(tables, 2 * LEASE_MS + 1_000);
    await service.broker.sweep();
    expect(await countRows(tables, 'claim_answer')).toBe(0);
  });
});
