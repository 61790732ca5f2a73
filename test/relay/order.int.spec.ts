import { setTimeout as pause } from 'node:timers/promises';
import { InnerMsgIds } from '../../src/publisher/index.js';
import { databaseOf, insertOutbox } from '../../src/storage/index.js';
import type { TestApp } from '../support/app.js';
import { engines } from '../support/engines.js';
import { until } from '../support/until.js';
import { connect } from './support-connect.js';
import { type TwoDatabases, startApart, twoDatabases } from './support.js';

/** Messages of one key land in the order in which they were published, whoever sends them, and however often. */

const KEYS = 6;
const OF_KEY = 20;
const RELAYS = 4;

describe.each(engines)('four relays that lose ACKs and leases, on %s', (engine) => {
  let databases: TwoDatabases;
  const apps: TestApp[] = [];
  let lostAcks = 0;
  let unheard: Record<string, number> = {};

  beforeEach(async () => {
    lostAcks = 0;
    unheard = {};
    databases = await twoDatabases(engine);
    for (let i = 0; i < RELAYS; i++) {
      const app = await startApart(databases, {
        options: {
          roles: { consume: false, sweep: false },
          relay: { batch: 7, pollMs: 2, delayMs: 4, maxDelayMs: 16 },
        },
        through: (broker) => ({
          ...broker,
          send: async (shipment) => {
            const [first] = shipment.messages.map(({ bizId }) => bizId.toString());
            // Every third message can't go first until others have gone.
            if (
              Number(first!.split('-')[1]) % 3 === 1 &&
              (unheard[first!] = (unheard[first!] ?? 0) + 1) <= 2
            ) {
              throw new Error('The broker never heard of it');
            }
            const answers = await broker.send(shipment);
            if (Math.random() > 0.15) return answers;
            lostAcks++;
            throw new Error('ACK 3 got lost');
          },
        }),
      });
      apps.push(app);
    }
  });

  afterEach(async () => {
    for (const app of apps.splice(0)) await app.close();
    await databases.drop();
  });

  /** In one transaction after the other, so that their order is promised. */
  async function publishInOrder(key: number, orderingKey: Buffer | undefined): Promise<void> {
    const { dataSource } = apps[key % RELAYS]!;
    const database = databaseOf(dataSource);
    for (let number = 1; number <= OF_KEY; number++) {
      await dataSource.transaction(async ({ queryRunner }) => {
        const row = {
          innerMsgId: InnerMsgIds.ofProcess().next(),
          topic: 'order.placed',
          bizId: Buffer.from(`${key}-${number}`),
          body: Buffer.from('{}'),
          headers: null,
          orderingKey,
        };
        // What expires at another time is another statement where it lands.
        const timing = number % 2 === 0 ? { expiresAt: (Date.now() + 3_600_000) * 1_000 } : {};
        await insertOutbox(database, queryRunner!, [row], timing);
      });
    }
  }

  async function landedUnder(ordered: boolean): Promise<string[][]> {
    const publishing = Array.from({ length: KEYS }, (_, key) =>
      publishInOrder(key, ordered ? Buffer.from(`key ${key}`) : undefined),
    );
    const left = async () => {
      const [row] = await apps[0]!.dataSource.query(
        'SELECT (SELECT COUNT(*) FROM mq_outbox) + (SELECT COUNT(*) FROM mq_outbox_keyed) AS n',
      );
      return Number(row.n);
    };
    let published = false;
    const all = Promise.all(publishing).then(() => (published = true));
    // Leases end at any moment, so that two relays send the same at the same time.
    while (!published || (await left()) > 0) {
      for (const table of ['outbox', 'outbox_keyed']) {
        await apps[0]!.dataSource
          .query(`UPDATE mq_${table} SET available_at = 0 WHERE seq % 3 = 0`)
          .catch(() => undefined);
      }
      await pause(15);
    }
    await all;
    await until('nothing is on its way', async () => (await left()) === 0);
    return connect(databases.broker, async (broker) => {
      const rows: { biz_id: Buffer }[] = await broker.query('SELECT biz_id FROM mq_message ORDER BY seq');
      const bizIds = rows.map(({ biz_id }) => biz_id.toString());
      return Array.from({ length: KEYS }, (_, key) => bizIds.filter((id) => id.startsWith(`${key}-`)));
    });
  }

  const inOrder = (key: number) => Array.from({ length: OF_KEY }, (_, i) => `${key}-${i + 1}`);

  it('keep the order of each key, and land each message once', async () => {
    const landed = await landedUnder(true);
    expect(lostAcks).toBeGreaterThan(0);
    for (const [key, bizIds] of landed.entries()) expect(bizIds).toEqual(inOrder(key));
  }, 120_000);

  it('keep no order without a key, as this test would show', async () => {
    const landed = await landedUnder(false);
    for (const [key, bizIds] of landed.entries()) {
      expect([...bizIds].sort()).toEqual(inOrder(key).sort());
    }
    expect(landed.some((bizIds, key) => bizIds.join() !== inOrder(key).join())).toBe(true);
  }, 120_000);
});
