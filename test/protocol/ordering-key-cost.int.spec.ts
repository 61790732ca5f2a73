import { randomBytes } from 'node:crypto';
import type { QueryRunner } from 'typeorm';
import {
  databaseOf,
  findFirstOfKeys,
  findHeads,
  findSendableKeys,
  findUnderWay,
  findWork,
  keyHashOf,
  leaseDeliveries,
  lockCandidates,
  lockTurn,
} from '../../src/storage/index.js';
import type { TestApp } from '../support/app.js';
import {
  type Subscribed,
  MINUTE_MS,
  bizIds,
  claimKeyed,
  publishOrders,
  publishUnder,
  startBroker,
  subscribe,
} from '../support/broker.js';
import { type TestDatabase, createDatabase, engines } from '../support/engines.js';
import { rowsRead } from '../support/rows-read.js';
import { countRows } from '../support/tables.js';

// Property: a claim of a key looks at a window of rows, however many followers any key has: those of another one, whose head
// is under way or waits, and its own. On servers the numbers are those of the statistics of an empty table.

const FOLLOWERS = 100_000;
const WINDOW = 200;

describe.each(engines)('beside a key with a hundred thousand followers, on %s,', (engine) => {
  let database: TestDatabase;
  let app: TestApp;
  let cards: Subscribed;
  let runner: QueryRunner;

  beforeEach(async () => {
    database = await createDatabase(engine);
    app = await startBroker(database);
    cards = await subscribe(app, 'cards');
    runner = app.dataSource.createQueryRunner();
  });

  afterEach(async () => {
    await runner.release();
    await app.close();
    await database.drop();
  });

  async function follow(
    table: 'delivery_keyed' | 'outbox_keyed',
    count: number,
    columns: string,
  ): Promise<void> {
    for (let rows = 1; rows < count; rows *= 2) {
      await app.dataSource.query(
        `INSERT INTO mq_${table} (seq, ${columns}) SELECT seq + ${rows}, ${columns} FROM mq_${table}`,
      );
    }
    const [{ n }] = await app.dataSource.query(`SELECT COUNT(*) AS n FROM mq_${table}`);
    expect(Number(n)).toBeGreaterThanOrEqual(count);
    // As autovacuum does within a minute.
    if (engine === 'postgres') await app.dataSource.query(`ANALYZE mq_${table}`);
  }

  /** The statements of one claim that begins behind this key, and those of a poll. */
  const cost = (after: string, expected: string) =>
    rowsRead(runner, async (on) => {
      const tables = databaseOf(app.dataSource);
      const { id: subscriptionId } = cards;
      expect(await findWork(tables, on, { subscriptionId, after: 0 })).toMatchObject({ keyed: true });
      const from = { subscriptionId, after: Buffer.from(after), rows: WINDOW };
      const { heads } = await findHeads(tables, on, from);
      expect(await lockTurn(tables, on, { subscriptionId, limited: false })).toBe(true);
      const keys = heads.map(({ orderingKey }) => orderingKey);
      const busy = await findUnderWay(tables, on, { subscriptionId, keys });
      const isBusy = (key: Buffer) => busy.some(({ orderingKey }) => orderingKey.equals(key));
      const those = heads.filter(({ orderingKey }) => !isBusy(orderingKey));
      expect(those.map(({ orderingKey }) => orderingKey.toString())).toContain(expected);
      const rows = await lockCandidates(tables, on, { subscriptionId, those });
      const lease = { subscriptionId, token: randomBytes(16), leaseMs: MINUTE_MS };
      await leaseDeliveries(tables, on, { ...lease, those: rows });
    });

  it('the claim of another key looks at a window of rows, wherever it begins', async () => {
    await publishUnder(app, 'm', ['m-1']);
    await follow('delivery_keyed', FOLLOWERS, 'subscription_id, ordering_key');
    // Amid its line, as after a requeue: neither the first nor the last entry of any index.
    await app.dataSource.query(
      'UPDATE mq_delivery_keyed SET token = ?, available_at = 9000000000000000 WHERE seq = ?',
      [randomBytes(16), FOLLOWERS / 2],
    );
    await publishUnder(app, 'a', ['a-1']);
    await publishUnder(app, 'z', ['z-1']);
    await cost('', 'a');
    expect(await cost('', 'a')).toBeLessThan(2 * WINDOW);
    expect(await cost('m', 'z')).toBeLessThan(WINDOW / 4);
    const { deliveries } = await claimKeyed(app, cards);
    expect(bizIds(deliveries).sort()).toEqual(['a-1', 'z-1']);
  }, 120_000);

  it('its own next one is had as soon, and messages without a key go on', async () => {
    await publishUnder(app, 'm', ['m-1']);
    await follow('delivery_keyed', FOLLOWERS, 'subscription_id, ordering_key');
    await publishOrders(app, ['O-1']);
    await cost('', 'm');
    expect(await cost('', 'm')).toBeLessThan(2 * WINDOW);
    const { deliveries } = await claimKeyed(app, cards);
    expect(bizIds(deliveries).sort()).toEqual(['O-1', 'm-1']);
    expect(await countRows(app.dataSource, 'delivery_keyed', 'token IS NOT NULL')).toBe(1);
  }, 120_000);

  it('a relay finds what it can send of another key', async () => {
    const columns = 'key_hash, ordering_key, inner_msg_id, topic, biz_id, body, body_bytes, available_at';
    const put = (key: string, seq: number, availableAt: number) =>
      app.dataSource.query(
        `INSERT INTO mq_outbox_keyed (seq, ${columns}) VALUES (?, ?, ?, ?, ?, ?, ?, 2, ?)`,
        [
          ...[seq, keyHashOf('t', Buffer.from(key)), Buffer.from(key), randomBytes(16)],
          ...[Buffer.from('t'), Buffer.from(`${key}-${seq}`), Buffer.from('{}'), availableAt],
        ],
      );
    await put('m', 1, 9e15);
    await follow('outbox_keyed', FOLLOWERS, columns);
    await put('a', 900_001, 0);
    await put('z', 900_002, 0);
    const tables = databaseOf(app.dataSource);
    let keys: Buffer[] = [];
    const look = () =>
      rowsRead(runner, async (on) => {
        keys = [];
        for (let after: Buffer | undefined = Buffer.alloc(0); after;) {
          const found: Awaited<ReturnType<typeof findSendableKeys>> = await findSendableKeys(tables, on, {
            after,
            rows: WINDOW,
          });
          keys.push(...found.keys);
          after = found.last;
        }
      });
    await look();
    expect(await look()).toBeLessThan(3 * WINDOW);
    expect(keys).toHaveLength(2);
    expect(await findFirstOfKeys(tables, runner, { keys, limit: 10 })).toHaveLength(2);
  }, 120_000);
});
