import { randomBytes } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Connection as Session } from 'mysql2/promise';
import type { QueryRunner } from 'typeorm';
import {
  type Connection,
  type Database,
  begin,
  databaseOf,
  findClaimable,
  findWork,
  leaseDeliveries,
  rollback,
} from '../src/storage/index.js';
import { consumeAtOnce } from './support/consuming.js';
import { type BenchDatabase, createDatabase, describeServer, openSession } from './support/database.js';
import { median, spread, table, timed } from './support/figures.js';
import { openReadView, whenPurged } from './support/read-view.js';
import { GROUP, PaymentSucceeded, type Shop, createBusiness, openShop } from './support/shop.js';

/** What claims cost, and consumers do, after so many finished deliveries: with an old read view open, and without. */

export interface OldReadViewOptions {
  /** Undefined: SQLite. */
  url: string | undefined;
  /** Deliveries that were finished since the read view was opened. */
  finished: readonly number[];
  /** Deliveries that wait. */
  backlog: number;
  rounds: number;
}

/** After so many writes the server has pages to write for a while, with a read view or without. Milliseconds. */
const SETTLE_MS = 10_000;
const LIMIT = 100;
const REPEATS = 9;
const CHUNK = 1_000;

const WHAT = [
  'claim behind the cursor, ms',
  'claim from the start, ms',
  'poll behind the cursor, ms',
  'poll from the start, ms',
  'consumed a second',
] as const;
type Figures = Record<(typeof WHAT)[number], number>;
type Rounds = Record<'without' | 'with', Figures[]>;

export async function oldReadView({ url, finished, backlog, rounds }: OldReadViewOptions): Promise<void> {
  for (const count of finished) {
    const bench = await OldReadViewBench.open(url);
    try {
      console.log(`\n${await bench.describe()}; ${rounds} rounds, alternating`);
      const measured: Rounds = { without: [], with: [] };
      for (let round = 0; round < rounds; round++) {
        const turns = round % 2 === 0 ? (['without', 'with'] as const) : (['with', 'without'] as const);
        for (const how of turns) measured[how].push(await bench.measure(how === 'with', count, backlog));
      }
      console.log(`\n${tableOf(measured, count, backlog)}`);
    } finally {
      await bench.close();
    }
  }
}

function tableOf({ with: withView, without }: Rounds, count: number, backlog: number): string {
  const title = `${count.toLocaleString('en')} finished, ${backlog.toLocaleString('en')} waiting`;
  return table([
    [title, 'without a read view', 'with an old one', 'ratio'],
    ...WHAT.map((what) => [
      what,
      spread(without.map((figures) => figures[what])),
      spread(withView.map((figures) => figures[what])),
      spread(withView.map((figures, round) => figures[what] / without[round]![what])),
    ]),
  ]);
}

class OldReadViewBench {
  /** Numbers below this have been used. */
  private top = 0;

  private constructor(
    private readonly database: BenchDatabase,
    /** It consumes nothing. */
    private readonly shop: Shop,
    private readonly runner: QueryRunner,
    private readonly server: Session | undefined,
    private readonly subscriptions: { consumed: number; claimed: number },
  ) {}

  static async open(url: string | undefined): Promise<OldReadViewBench> {
    const database = await createDatabase(url);
    const shop = await openShop(database, { roles: { sweep: false, consume: false } });
    await createBusiness(shop);
    const runner = shop.dataSource.createQueryRunner();
    const server = url === undefined ? undefined : await openSession(database);
    if (server) await runner.query('SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED');
    const topic = PaymentSucceeded.name;
    const consumed = await shop.broker.subscribe({ topic, group: GROUP, version: 1 });
    const claimed = await shop.broker.subscribe({ topic, group: 'nobody', version: 1 });
    const subscriptions = { consumed: consumed.id, claimed: claimed.id };
    return new OldReadViewBench(database, shop, runner, server, subscriptions);
  }

  async describe(): Promise<string> {
    return this.server ? describeServer(this.server) : 'SQLite';
  }

  async measure(withView: boolean, finished: number, backlog: number): Promise<Figures> {
    await this.shop.broker.groups.pause({ group: GROUP });
    await whenPurged(this.server);
    const view = withView ? await openReadView(this.database) : undefined;
    const from = await this.nextNumber();
    this.top = from + finished;
    for (const id of Object.values(this.subscriptions)) await this.finish(id, from);
    await this.takeNumber();
    await pause(SETTLE_MS);
    const payments = Array.from({ length: backlog }, () => randomBytes(16).toString('hex'));
    const figures: Partial<Figures> = {};
    // A process that begins just now: what was finished by hand, within seconds, is no trail of its own.
    const consumer = await openShop(this.database, { roles: { sweep: false } });
    const consumed = await consumeAtOnce(consumer, payments, async () => {
      if (!withView) await whenPurged(this.server);
      Object.assign(figures, await this.statements());
    });
    await consumer.close();
    await view?.close();
    await this.runner.query('DELETE FROM mq_delivery WHERE subscription_id = ?', [
      this.subscriptions.claimed,
    ]);
    return { ...(figures as Figures), 'consumed a second': consumed };
  }

  async close(): Promise<void> {
    await this.runner.release();
    await this.server?.end();
    await this.shop.close();
    await this.database.drop();
  }

  private async nextNumber(): Promise<number> {
    const [{ top }] = await this.shop.dataSource.query<[{ top: number }]>(
      'SELECT COALESCE(MAX(seq), 0) AS top FROM mq_message',
    );
    return Math.max(this.top, Number(top));
  }

  /** Then the next message gets the one behind it. */
  private async takeNumber(): Promise<void> {
    await this.shop.dataSource.query(
      `INSERT INTO mq_message (seq, inner_msg_id, topic_id, biz_id, body, landed_at) VALUES (?, ?, 0, '', '', 0)`,
      [++this.top, randomBytes(16)],
    );
  }

  /** Deliveries that are leased and acknowledged, a thousand at a time: what claims have to step over, and nothing else. */
  private async finish(subscriptionId: number, from: number): Promise<void> {
    const { tables, on, runner } = this;
    const lease = { token: randomBytes(16), leaseMs: 60_000, subscriptionId };
    for (let first = from + 1; first <= this.top; first += CHUNK) {
      const last = Math.min(this.top, first + CHUNK - 1);
      const those = Array.from({ length: last - first + 1 }, (_, i) => ({
        seq: first + i,
        orderingKey: undefined,
      }));
      const rows = those.map(({ seq }) => `(${subscriptionId}, ${seq})`).join(', ');
      await runner.query(`INSERT INTO mq_delivery (subscription_id, seq) VALUES ${rows}`);
      await leaseDeliveries(tables, on, { ...lease, those });
      await runner.query(
        `DELETE FROM mq_delivery WHERE subscription_id = ${subscriptionId} AND seq BETWEEN ${first} AND ${last}`,
      );
    }
  }

  private async statements(): Promise<Omit<Figures, 'consumed a second'>> {
    const { top, tables, on } = this;
    const { claimed: subscriptionId } = this.subscriptions;
    const claim = (after: number) =>
      middle(async () => {
        await begin(tables, on);
        const claimer = { subscriptionId, after, limit: LIMIT, limited: false };
        const { length } = await findClaimable(tables, on, claimer);
        await rollback(on);
        if (length !== LIMIT) throw new Error(`The claim found ${length} deliveries of ${LIMIT}.`);
      });
    const poll = (after: number) => middle(() => findWork(tables, on, { subscriptionId, after }));
    return {
      'claim behind the cursor, ms': await claim(top),
      'claim from the start, ms': await claim(0),
      'poll behind the cursor, ms': await poll(top),
      'poll from the start, ms': await poll(0),
    };
  }

  private get tables(): Database {
    return databaseOf(this.shop.dataSource);
  }

  private get on(): Connection {
    return this.runner;
  }
}

async function middle(work: () => Promise<unknown>): Promise<number> {
  const samples: number[] = [];
  for (let i = 0; i < REPEATS; i++) samples.push(await timed(work));
  return median(samples);
}
