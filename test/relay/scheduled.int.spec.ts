import type { TestApp } from '../support/app.js';
import { OrderPlaced } from '../support/broker.js';
import { engines } from '../support/engines.js';
import { connect } from './support-connect.js';
import { type TwoDatabases, startApart, twoDatabases } from './support.js';

// Property: what has a time waits in the outbox until then, is never early, and can be taken back in the business's own
// transaction as long as it is there.

const HOUR_MS = 3_600_000;

describe.each(engines)('messages with a time in an outbox, on %s,', (engine) => {
  let databases: TwoDatabases;
  let app: TestApp;

  beforeEach(async () => {
    databases = await twoDatabases(engine);
    app = await startApart(databases);
  });

  afterEach(async () => {
    await app.close();
    await databases.drop();
  });

  const scheduled = async () =>
    Number((await app.dataSource.query('SELECT COUNT(*) AS n FROM mq_outbox_scheduled'))[0].n);
  const order = (orderId: string) => ({ orderId });
  const dueIn = (ms: number) =>
    app.dataSource.query('UPDATE mq_outbox_scheduled SET due_at = due_at - ?', [ms * 1000]);
  const landedNow = async () => app.seen.flatMap((event) => (event.type === 'landed' ? [event.bizId] : []));

  it.each([
    ['delayMs', { delayMs: HOUR_MS }],
    ['deliverAt', { deliverAt: new Date(Date.now() + HOUR_MS) }],
  ])('wait for it there (%s), and leave when it has come', async (_option, timing) => {
    await app.outbox.publish(OrderPlaced, order('O-1'), { standalone: true, ...timing });
    // One that is sent shows that the relay has looked.
    await app.outbox.publish(OrderPlaced, order('O-2'), { standalone: true });
    await app.events('relayed');
    expect(await landedNow()).toEqual(['O-2']);
    await dueIn(HOUR_MS - 60_000);
    await app.outbox.publish(OrderPlaced, order('O-3'), { standalone: true });
    await app.events('relayed', 2);
    expect(await landedNow()).toEqual(['O-2', 'O-3']);
    await dueIn(60_000);
    await app.events('landed', 3);
    expect(await scheduled()).toBe(0);
    expect(await landedNow()).toEqual(['O-2', 'O-3', 'O-1']);
  });

  it('are never early', async () => {
    const begun = Date.now();
    const delays = [300, 40, 180, 90, 0, 250];
    for (const [i, delayMs] of delays.entries()) {
      await app.outbox.publish(OrderPlaced, order(`O-${i}`), { standalone: true, delayMs });
    }
    await app.events('landed', delays.length);
    const rows = await connect(databases.broker, (broker) =>
      broker.query('SELECT biz_id, landed_at FROM mq_message'),
    );
    for (const { biz_id, landed_at } of rows as { biz_id: Buffer; landed_at: string }[]) {
      const delayMs = delays[Number(biz_id.toString().slice(2))]!;
      expect(Number(landed_at) / 1000 - begun).toBeGreaterThanOrEqual(delayMs - 1);
    }
  });

  it('go out at once when their time is over', async () => {
    await app.outbox.publish(OrderPlaced, order('O-1'), { standalone: true, deliverAt: new Date(0) });
    await app.events('landed');
    expect(await scheduled()).toBe(0);
  });

  it('keep their expiry', async () => {
    const expiresAt = new Date(Date.now() + 2 * HOUR_MS);
    await app.outbox.publish(OrderPlaced, order('O-1'), { standalone: true, delayMs: HOUR_MS, expiresAt });
    await app.outbox.publish(OrderPlaced, order('O-2'), { standalone: true, expiresAt });
    await dueIn(HOUR_MS);
    await app.events('landed', 2);
    const rows = await connect(databases.broker, (broker) =>
      broker.query('SELECT expires_at FROM mq_message'),
    );
    expect(rows.map(({ expires_at }: { expires_at: string }) => Number(expires_at))).toEqual(
      Array(2).fill(expiresAt.getTime() * 1000),
    );
  });

  it('are taken back in the transaction that published them, or a later one, and by their topic and biz-id alone', async () => {
    const timing = { delayMs: HOUR_MS };
    await app.dataSource.transaction(async (manager) => {
      await app.outbox.publish(OrderPlaced, order('O-1'), { manager, ...timing });
      await app.outbox.publish(OrderPlaced, order('O-2'), { manager, ...timing });
      expect(await app.outbox.cancel(OrderPlaced, 'O-1', { manager })).toBe(1);
      expect(await app.outbox.cancel(OrderPlaced, 'O-1', { manager })).toBe(0);
    });
    expect(await scheduled()).toBe(1);
    await app.outbox.publish(OrderPlaced, order('O-2'), { standalone: true, ...timing });
    await app.outbox.publish(OrderPlaced, order('O-3'), { standalone: true, ...timing });
    expect(await app.outbox.cancel(OrderPlaced, 'O-2', { standalone: true })).toBe(2);
    await dueIn(HOUR_MS);
    await app.events('landed');
    expect(await landedNow()).toEqual(['O-3']);
  });

  it('stay where the transaction that took them back is rolled back', async () => {
    await app.outbox.publish(OrderPlaced, order('O-1'), { standalone: true, delayMs: HOUR_MS });
    const failing = app.dataSource.transaction(async (manager) => {
      expect(await app.outbox.cancel(OrderPlaced, 'O-1', { manager })).toBe(1);
      throw new Error('changed my mind');
    });
    await expect(failing).rejects.toThrow('changed my mind');
    await dueIn(HOUR_MS);
    await app.events('landed');
  });

  it('are out of reach once they have been moved, sent, or are due', async () => {
    const { outbox } = app;
    await outbox.publish(OrderPlaced, order('O-1'), { standalone: true, delayMs: HOUR_MS });
    await dueIn(HOUR_MS);
    await app.events('landed');
    expect(await outbox.cancel(OrderPlaced, 'O-1', { standalone: true })).toBe(0);
    await outbox.publish(OrderPlaced, order('O-2'), { standalone: true });
    expect(await outbox.cancel(OrderPlaced, 'O-2', { standalone: true })).toBe(0);
    await app.events('landed', 2);
  });
});
