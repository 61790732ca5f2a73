import { randomBytes } from 'node:crypto';
import type { BrokerService } from '../src/index.js';
import { type BenchDatabase, createDatabase, describeServer, openSession } from './support/database.js';
import { median, spread, table, timed } from './support/figures.js';
import { NUMBER, insertNumbered } from './support/numbered-rows.js';
import { PaymentSucceeded, type Shop, openShop } from './support/shop.js';

/** What a claim costs, and the look of an idle worker, by what else is there: a claim must not step over it. */

export interface BacklogsOptions {
  url: string;
  rounds: number;
}

interface Situation {
  title: string;
  ready?: number;
  /** The first of those that are ready are held by somebody. */
  inFlight?: number;
  /** Due tomorrow. */
  scheduled?: number;
  /** All behind one ordering key, whose first one is under way. */
  behindOneKey?: number;
}

const READY = 10_000;
const SITUATIONS: readonly Situation[] = [
  { title: '10,000 waiting' },
  { title: '1,000,000 waiting', ready: 1_000_000 },
  { title: '10,000 waiting, and 100,000 scheduled', scheduled: 100_000 },
  { title: '10,000 waiting, and 5,000 in flight before them', inFlight: 5_000 },
  { title: '10,000 waiting, and 100,000 behind one ordering key', behindOneKey: 100_000 },
];

const LIMIT = 100;
const REPEATS = 9;
const BODY = 300;
const TOMORROW = '(UNIX_TIMESTAMP() + 86400) * 1000000';

interface Figures {
  fromTheStart: number;
  behindTheCursor: number;
}

export async function backlogs({ url, rounds }: BacklogsOptions): Promise<void> {
  const all: Backlog[] = [];
  try {
    for (const situation of SITUATIONS) all.push(await Backlog.make(url, situation));
    console.log(`\n${await all[0]!.describe()}; claims of ${LIMIT}; ${rounds} rounds, alternating\n`);
    const measured = new Map(all.map((each) => [each, [] as Figures[]]));
    // The first round only warms up.
    for (let round = 0; round <= rounds; round++) {
      for (const each of round % 2 === 0 ? all : [...all].reverse()) {
        const figures = await each.measure();
        if (round > 0) measured.get(each)!.push(figures);
      }
    }
    console.log(tableOf([...measured].map(([{ situation }, figures]) => ({ situation, figures }))));
  } finally {
    for (const each of all) await each.close();
  }
}

function tableOf(measured: readonly { situation: Situation; figures: readonly Figures[] }[]): string {
  const first = measured[0]!.figures;
  const cells = (figures: readonly Figures[], what: keyof Figures) => [
    spread(figures.map((each) => each[what])),
    spread(figures.map((each, round) => each[what] / first[round]![what])),
  ];
  return table([
    ['', 'claim behind the cursor, ms', '÷ 10,000', 'claim from the start, ms', '÷ 10,000'],
    ...measured.map(({ situation, figures }) => [
      situation.title,
      ...cells(figures, 'behindTheCursor'),
      ...cells(figures, 'fromTheStart'),
    ]),
  ]);
}

class Backlog {
  private cursor = 0;

  private constructor(
    readonly situation: Situation,
    private readonly database: BenchDatabase,
    private readonly shop: Shop,
    private readonly subscription: { id: number },
  ) {}

  static async make(url: string, situation: Situation): Promise<Backlog> {
    const database = await createDatabase(url);
    const shop = await openShop(database, { roles: { sweep: false, consume: false } });
    const topic = PaymentSucceeded.name;
    const { id } = await shop.broker.subscribe({ topic, group: 'nobody', version: 1 });
    const backlog = new Backlog(situation, database, shop, { id });
    await backlog.fill();
    return backlog;
  }

  async describe(): Promise<string> {
    const session = await openSession(this.database);
    return describeServer(session).finally(() => session.end());
  }

  async measure(): Promise<Figures> {
    const fromTheStart = await this.claims(() => 0);
    const behindTheCursor = await this.claims(() => this.cursor);
    return { fromTheStart, behindTheCursor };
  }

  async close(): Promise<void> {
    await this.shop.close();
    await this.database.drop();
  }

  private async claims(after: () => number): Promise<number> {
    const samples: number[] = [];
    this.cursor = (this.situation.inFlight ?? 0) + 1;
    for (let i = 0; i < REPEATS; i++) {
      const claimId = randomBytes(16);
      const request = { ...this.claim, claimId, after: after() };
      let answer!: Awaited<ReturnType<BrokerService['claim']>>;
      samples.push(
        await timed(async () => {
          answer = await this.shop.broker.claim(request);
        }),
      );
      const found = answer.deliveries.length;
      if (found !== LIMIT) throw new Error(`The claim found ${found} deliveries of ${LIMIT}.`);
      this.cursor = answer.lastSeen!;
      // As it was, for the next one.
      await this.shop.dataSource.query(
        'UPDATE mq_delivery SET token = NULL, available_at = 0 WHERE subscription_id = ? AND token = ?',
        [this.subscription.id, claimId],
      );
    }
    return median(samples);
  }

  /** As a worker asks, which looks for ordering keys as well. */
  private get claim() {
    const start = Buffer.alloc(0);
    const keys = { after: start, until: start, first: false };
    return { subscription: this.subscription, limit: LIMIT, leaseMs: 60_000, keys };
  }

  private async fill(): Promise<void> {
    const { ready = READY, inFlight = 0, scheduled = 0, behindOneKey = 0 } = this.situation;
    const { dataSource } = this.shop;
    const { id } = this.subscription;
    const insert = (rows: number, statement: string) => insertNumbered(dataSource, rows, statement);
    await insert(
      inFlight + ready + scheduled + behindOneKey,
      `INSERT INTO mq_message (seq, inner_msg_id, topic_id, biz_id, body, landed_at)
       SELECT ${NUMBER} + 1, UNHEX(MD5(${NUMBER})), 1, CONCAT('P-', ${NUMBER}), REPEAT('x', ${BODY}), 0`,
    );
    await insert(
      inFlight + ready,
      `INSERT INTO mq_delivery (subscription_id, seq, available_at, token)
       SELECT ${id}, ${NUMBER} + 1, IF(${NUMBER} < ${inFlight}, ${TOMORROW}, 0), IF(${NUMBER} < ${inFlight}, UNHEX(MD5('held')), NULL)`,
    );
    const others = inFlight + ready + 1;
    await insert(
      scheduled,
      `INSERT INTO mq_waiting (subscription_id, due_at, seq) SELECT ${id}, ${TOMORROW} + ${NUMBER}, ${NUMBER} + ${others}`,
    );
    await insert(
      behindOneKey,
      `INSERT INTO mq_delivery_keyed (subscription_id, ordering_key, seq, available_at, token)
       SELECT ${id}, 'account 1', ${NUMBER} + ${others}, IF(${NUMBER} = 0, ${TOMORROW}, 0), IF(${NUMBER} = 0, UNHEX(MD5('held')), NULL)`,
    );
    await dataSource.query('ANALYZE TABLE mq_delivery, mq_delivery_keyed, mq_waiting, mq_message');
    console.log(`made: ${this.situation.title}`);
  }
}
