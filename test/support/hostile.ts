import { Injectable, Logger, type Provider } from '@nestjs/common';
import { type Connection, createConnection } from 'mysql2/promise';
import { concat, filter, firstValueFrom, from, timeout } from 'rxjs';
import { DeliveryContext, IdempotentConsumer, IdempotentMqEvents, type PayloadOf } from '../../src/index.js';
import { type AppParts, type TestApp, startApp } from './app.js';
import {
  CardRow,
  CardTable,
  type Payment,
  PaymentRow,
  PaymentSucceeded,
  PaymentTable,
  payment,
} from './cards.js';
import { type Engine, type TestDatabase, createDatabase, mysqlEngines } from './engines.js';
import { countRows } from './tables.js';

export type Handler = (paid: Payment, delivery: DeliveryContext) => unknown;

/** Engines where a second connection can get in a handler's way, through MySQL's driver. PostgreSQL has specs of its own. */
export const servers: Engine[] = mysqlEngines;

/** Skipped, under a title that says why, where there is none. */
export const describeOnServers: (title: string, tests: (engine: Engine) => void) => void =
  servers.length > 0
    ? describe.each(servers)
    : describe.skip.each(['no server: none could be had' as Engine]);

/**
 * How often a handler was run, or is expected to be. Where the suite has deliveries share transactions, one that spoils
 * such a transaction is run once more, alone, and whether it met others there is chance.
 */
export const runs: (times: number) => number =
  Number(process.env.MQ_TEST_PER_TRANSACTION) > 1 ? () => expect.any(Number) as number : (times) => times;

export async function issueCard(paid: Payment, { manager }: Pick<DeliveryContext, 'manager'>): Promise<void> {
  await manager.insert(CardRow, { paymentId: paid.paymentId, issuedBy: 'card-issuing' });
}

/** Issues cards as it should, except for the payments that a test has put another handler in place for. */
@Injectable()
export class CardIssuing {
  readonly runs = new Map<string, number>();
  readonly instead = new Map<string, Handler>();

  @IdempotentConsumer(PaymentSucceeded, { group: 'card-issuing', retry: { attempts: 2 } })
  async issue(paid: PayloadOf<typeof PaymentSucceeded>, delivery: DeliveryContext): Promise<void> {
    this.runs.set(paid.paymentId, (this.runs.get(paid.paymentId) ?? 0) + 1);
    await (this.instead.get(paid.paymentId) ?? issueCard)(paid, delivery);
  }
}

/** What is left of a payment when nothing happens to it any more. */
export interface End {
  /** How often the handler was run. */
  runs: number;
  cards: number;
  dedup: number;
  deadLetters: { reason: string; failures: number; lostLeases: number }[];
  /** Ready, leased or waiting. */
  deliveries: number;
  messages: number;
}

export const effectOnce = (times = 1): End => ({
  runs: runs(times),
  cards: 1,
  dedup: 1,
  deadLetters: [],
  deliveries: 0,
  messages: 0,
});

/** In the dead letters after both attempts that the consumer allows, without a trace of an effect. */
export const failedTwice: End = {
  runs: runs(2),
  cards: 0,
  dedup: 0,
  deadLetters: [{ reason: 'failed', failures: 2, lostLeases: 0 }],
  deliveries: 0,
  messages: 1,
};

/** In the dead letters with what the handler itself made durable. */
export const torn = ({ times = 1, cards = 1, failures = 0 } = {}): End => ({
  runs: runs(times),
  cards,
  dedup: 1,
  deadLetters: [{ reason: 'torn', failures, lostLeases: 0 }],
  deliveries: 0,
  messages: 1,
});

/** A worker that handles one delivery at a time: whatever a handler leaves behind on its connection meets the next one. */
export function hostileWorker(
  engine: Engine,
  parts: AppParts = {},
  issuing: Provider = CardIssuing,
): HostileWorker {
  const worker = new HostileWorker(engine, parts, issuing);
  beforeAll(() => worker.start());
  afterAll(() => worker.close());
  return worker;
}

export class HostileWorker {
  database!: TestDatabase;
  app!: TestApp;
  private payments = 0;

  constructor(
    readonly engine: Engine,
    private readonly parts: AppParts,
    private readonly issuingProvider: Provider,
  ) {}

  async start(): Promise<void> {
    const { entities = [], providers = [], options = {} } = this.parts;
    this.database = await createDatabase(this.engine);
    this.app = await startApp(this.database, {
      ...this.parts,
      entities: [PaymentTable, CardTable, ...entities],
      providers: [this.issuingProvider, ...providers],
      options: { ...options, consumers: { connections: 2, concurrency: 1, ...options.consumers } },
    });
    // What these tests provoke is logged as errors, by the hundred.
    Logger.overrideLogger(false);
  }

  async close(): Promise<void> {
    try {
      if (this.app && this.engine !== 'sqlite') {
        // Claims of the worker come and go.
        const deadline = Date.now() + 10_000;
        let open = await this.openTransactions();
        while (open.length > 0 && Date.now() < deadline) open = await this.openTransactions();
        expect(open).toEqual([]);
      }
    } finally {
      await this.app?.close();
      await this.database?.drop();
    }
  }

  get issuing(): CardIssuing {
    return this.app.nest.get(CardIssuing);
  }

  /** A connection to the same database that has nothing to do with the app. */
  connect(): Promise<Connection> {
    const { host, port, username, password, database } = this.database.options as ServerOptions;
    return createConnection({ host, port, user: username, password, database });
  }

  /** A payment id that no other test has. */
  newId(kind = 'P'): string {
    return `${kind}-${++this.payments}`;
  }

  /**
   * Delivers a payment to this handler, with a healthy one before and after it. (Jest itself fails a test in which a
   * rejection stays unhandled; a listener of the test's own would hear nothing.)
   *
   * @returns what is left of it; the healthy ones have their cards, and no transaction is left open
   */
  async meets(handler: Handler, id = this.newId()): Promise<End> {
    await this.meetsAll([[id, handler]]);
    return this.end(id);
  }

  /** The same for many, under the payment ids given. */
  async meetsAll(handlers: [string, Handler][]): Promise<void> {
    const [before, after] = [this.newId('healthy'), this.newId('healthy')];
    for (const [id, handler] of handlers) this.issuing.instead.set(id, handler);
    const ids = [before, ...handlers.map(([id]) => id), after];
    for (const paymentId of ids) await this.publish(paymentId);
    for (const paymentId of ids) await this.ended(paymentId);
    for (const paymentId of [before, after]) expect(await this.end(paymentId)).toEqual(effectOnce());
    await this.expectNothingHeld();
  }

  async publish(paymentId: string): Promise<void> {
    await this.app.outbox.publish(PaymentSucceeded, payment(paymentId), { standalone: true });
  }

  /** Resolves when the delivery of this payment is acknowledged or dead-lettered. */
  async ended(bizId: string): Promise<void> {
    const { events$ } = this.app.nest.get(IdempotentMqEvents);
    const ends = ['acknowledged', 'duplicate-absorbed', 'dead-lettered'];
    await firstValueFrom(
      concat(from([...this.app.seen]), events$).pipe(
        filter((event) => 'bizId' in event && event.bizId === bizId && ends.includes(event.type)),
        timeout({ first: 40_000 }),
      ),
    );
  }

  async end(bizId: string): Promise<End> {
    const { dataSource, brokerDataSource, broker } = this.app;
    const ofBizId = `biz_id = ${bytes(bizId, this.engine)}`;
    const ofMessage = `seq IN (SELECT seq FROM mq_message WHERE ${ofBizId})`;
    const deadLetters = (await broker.deadLetters.list({ limit: 1_000 }))
      .filter((letter) => letter.bizId === bizId)
      .map(({ reason, failures, lostLeases }) => ({ reason, failures, lostLeases }));
    if (deadLetters.length === 0) await this.dropped(bizId);
    return {
      runs: this.issuing.runs.get(bizId) ?? 0,
      cards: await dataSource.getRepository(CardRow).countBy({ paymentId: bizId }),
      dedup: await countRows(dataSource, 'dedup', ofBizId),
      deadLetters,
      deliveries:
        (await countRows(brokerDataSource, 'delivery', ofMessage)) +
        (await countRows(brokerDataSource, 'waiting', ofMessage)),
      messages: await countRows(brokerDataSource, 'message', ofBizId),
    };
  }

  /** The errors in the dead letter of this payment, oldest first. */
  async errors(bizId: string): Promise<string[]> {
    const letters = await this.app.broker.deadLetters.list({ limit: 1_000 });
    return letters
      .filter((letter) => letter.bizId === bizId)
      .flatMap(({ errors }) => errors.map(({ error }) => error));
  }

  /** What the events say of this payment's deliveries, in order. */
  whatHappened(bizId: string): string[] {
    return this.app.seen
      .filter((event) => 'group' in event && 'bizId' in event && event.bizId === bizId)
      .map(({ type }) => type);
  }

  /** In order; where deliveries share transactions only the last, as the first attempt may have been one of several. */
  expectHappened(bizId: string, ...types: string[]): void {
    const happened = this.whatHappened(bizId);
    if (Number(process.env.MQ_TEST_PER_TRANSACTION) > 1) expect(happened.at(-1)).toBe(types.at(-1));
    else expect(happened).toEqual(types);
  }

  async expectNothingHeld(): Promise<void> {
    // On SQLite it waits for the write lock, and fails when somebody kept it.
    await this.app.dataSource.transaction((manager) =>
      manager.insert(PaymentRow, { paymentId: this.newId('app'), amount: 1 }),
    );
    if (this.engine === 'sqlite') return;
    // The server takes a moment to see that a connection was destroyed.
    const deadline = Date.now() + 10_000;
    while ((await this.isAnyRowLocked()) && Date.now() < deadline);
    expect(await this.isAnyRowLocked()).toBe(false);
  }

  private async isAnyRowLocked(): Promise<boolean> {
    const { dataSource } = this.app;
    const locking = ['card', 'payment', 'mq_dedup'].map(
      (table) => `SELECT 1 FROM ${table} FOR UPDATE NOWAIT`,
    );
    const errors = await Promise.all(locking.map((sql) => dataSource.query(sql).then(() => 0, errorOf)));
    return errors.some((error) => [1205, 3572, '55P03'].includes(error));
  }

  private async openTransactions(): Promise<unknown[]> {
    if (this.engine === 'postgres') {
      return this.app.dataSource.query(
        `SELECT pid, state, query FROM pg_stat_activity
         WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL`,
      );
    }
    // The server shows a picture of up to 0.1 s ago, and only to who waits as long.
    await this.app.dataSource.query('SELECT SLEEP(0.2)');
    return this.app.dataSource.query(
      `SELECT p.id, p.command, p.time, t.trx_state, t.trx_query FROM information_schema.innodb_trx t
       JOIN information_schema.processlist p ON p.id = t.trx_mysql_thread_id WHERE p.db = DATABASE()`,
    );
  }

  private async dropped(bizId: string): Promise<void> {
    for (;;) {
      const drops = this.app.seen.filter(({ type }) => type === 'message-dropped').length;
      if (
        (await countRows(this.app.brokerDataSource, 'message', `biz_id = ${bytes(bizId, this.engine)}`)) === 0
      )
        return;
      await this.app.events('message-dropped', drops + 1);
    }
  }
}

interface ServerOptions {
  host: string;
  port: number;
  username: string;
  password: string;
  database: string;
}

function errorOf(error: unknown): number | string {
  const { errno, code } = error as { errno?: number; code: string };
  return errno ?? code;
}

/** As a literal: keys are binary, and only MySQL takes a text for bytes. */
function bytes(text: string, engine: Engine): string {
  const hex = Buffer.from(text).toString('hex');
  return engine === 'postgres' ? `'\\x${hex}'::bytea` : `x'${hex}'`;
}
