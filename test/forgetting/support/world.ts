import { randomBytes } from 'node:crypto';
import { Injectable, Logger, type Provider } from '@nestjs/common';
import { DataSource } from 'typeorm';
import {
  DeliveryContext,
  Forgetting,
  IdempotentConsumer,
  type IdempotentMqOptions,
  type PublishOptions,
  RejectMessageError,
  type ScenarioForgotten,
} from '../../../src/index.js';
import { makeSqliteSafe } from '../../../src/storage/index.js';
import { DAY_MS, WINDOW_MS, idAt, send, sent } from '../../relay/parts.js';
import { startApart } from '../../relay/support.js';
import { type TestApp, startApp } from '../../support/app.js';
import {
  CardRow,
  CardTable,
  type Payment,
  PaymentSucceeded,
  PaymentTable,
  payment,
} from '../../support/cards.js';
import { type Engine, type TestDatabase, createDatabase, engines } from '../../support/engines.js';
import { countRows, letPass } from '../../support/tables.js';
import { until } from '../../support/until.js';
import { withTestStatements } from '../../support/postgres-words.js';

export type Shape = 'one database' | 'a broker apart';
export const SHAPES: readonly Shape[] = ['one database', 'a broker apart'];
export const EVERYWHERE = engines.flatMap((engine) => SHAPES.map((shape) => [engine, shape] as const));

/** A business that can be told to refuse payments, which then are dead letters. */
@Injectable()
export class Cards {
  readonly refused = new Set<string>();

  @IdempotentConsumer(PaymentSucceeded, { group: 'cards' })
  async issue({ paymentId }: Payment, { manager, group }: DeliveryContext) {
    if (this.refused.has(paymentId)) throw new RejectMessageError('no card today');
    await manager.insert(CardRow, { paymentId, issuedBy: group });
  }
}

const ENDS = new Set([
  'acknowledged',
  'duplicate-absorbed',
  'dead-lettered',
  'given-back',
  'retry-scheduled',
]);

type Through = NonNullable<IdempotentMqOptions['broker']>['through'];

export interface WorldParts {
  providers?: Provider[];
  options?: IdempotentMqOptions;
  /** Between the app and a broker apart. */
  through?: Through;
}

/** A small business in which days pass when a test says so. */
export class World {
  static async open(
    engine: Engine,
    shape: Shape,
    { providers = [Cards], options = {}, through }: WorldParts = {},
  ): Promise<World> {
    const business = await createDatabase(engine);
    const broker = shape === 'a broker apart' ? await createDatabase(engine) : business;
    const parts = {
      entities: [PaymentTable, CardTable],
      providers,
      options: { roles: { sweep: false }, ...options },
    };
    const app = await (broker === business
      ? startApp(business, parts)
      : startApart({ business, broker }, { ...parts, ...(through && { through }) }));
    Logger.overrideLogger(false);
    const looking = broker === business ? undefined : await lookInto(broker);
    return new World(app, business, broker, looking);
  }

  private constructor(
    readonly app: TestApp,
    readonly business: TestDatabase,
    readonly brokers: TestDatabase,
    private readonly looking: DataSource | undefined,
  ) {}

  get cards(): Cards {
    return this.app.nest.get(Cards);
  }

  get dataSource(): DataSource {
    return this.app.dataSource;
  }

  get brokerDataSource(): DataSource {
    return this.looking ?? this.app.dataSource;
  }

  get forgetting(): Forgetting {
    return this.app.nest.get(Forgetting);
  }

  async publish(paymentId: string, options: PublishOptions = {}): Promise<void> {
    await this.app.outbox.publish(PaymentSucceeded, payment(paymentId), {
      standalone: true,
      ...options,
    });
    await this.settle();
  }

  /** A copy that comes to the broker so late that nobody can tell whether it is a repeat. */
  async quarantine(paymentId: string): Promise<void> {
    await this.app.broker.sweep();
    const innerMsgId = idAt(Date.now() - 2 * WINDOW_MS);
    const answers = await send(this.app.broker, [sent(paymentId, { innerMsgId })], {
      origin: randomBytes(16),
      claims: 1,
    });
    if (answers[0] !== 'quarantined') throw new Error(`${paymentId} is ${answers[0]}, not quarantined`);
  }

  async releaseAll(): Promise<void> {
    for (const { id } of await this.app.broker.quarantine.list())
      await this.app.broker.quarantine.release(id);
    await this.settle();
  }

  /** The group's messages become dead letters without a handler having run: its processes died with them. */
  async publishDead(paymentId: string): Promise<void> {
    const { broker } = this.app;
    await broker.groups.pause({ group: 'cards' });
    await this.app.outbox.publish(PaymentSucceeded, payment(paymentId), { standalone: true });
    await until('it has landed', async () => (await countRows(this.brokerDataSource, 'delivery')) === 1);
    await this.brokerDataSource.query(
      `INSERT INTO mq_dead_letter (subscription_id, seq, reason, failures, lost_leases, dead_at)
       SELECT d.subscription_id, d.seq, ?, 0, 0, m.landed_at FROM mq_delivery d JOIN mq_message m ON m.seq = d.seq`,
      [Buffer.from('process-lost')],
    );
    await this.brokerDataSource.query('DELETE FROM mq_delivery');
    await broker.groups.resume({ group: 'cards' });
  }

  /** A message whose publishing transaction was open for so long: it has the time at which it was written. */
  async publishLate(paymentId: string, daysOpen: number): Promise<void> {
    const { broker } = this.app;
    await broker.groups.pause({ group: 'cards' });
    await this.app.outbox.publish(PaymentSucceeded, payment(paymentId), { standalone: true });
    await until('it has landed', async () => (await countRows(this.brokerDataSource, 'delivery')) === 1);
    await this.brokerDataSource.query(
      'UPDATE mq_message SET landed_at = landed_at - ? WHERE seq IN (SELECT seq FROM mq_delivery)',
      [daysOpen * DAY_MS * 1000],
    );
    await broker.groups.resume({ group: 'cards' });
    await this.settle();
  }

  async requeue(): Promise<void> {
    await this.app.broker.deadLetters.requeue({ group: 'cards' });
    await this.settle();
  }

  /** In both databases: everything in them happened so many days earlier. */
  async letDaysPass(days: number): Promise<void> {
    await letPass(this.dataSource, days * DAY_MS);
    if (this.looking) await letPass(this.looking, days * DAY_MS);
  }

  /** As a process that is set to it does at start. */
  async noteRetention(ms: number): Promise<void> {
    await this.dataSource.query('UPDATE mq_scenario SET retention_ms = ?', [ms]);
  }

  async forget(): Promise<ScenarioForgotten[]> {
    return this.forgetting.forget();
  }

  /** Until nothing moves any more. */
  async settle(): Promise<void> {
    await until('nothing moves any more', async () => {
      const outbox = this.looking
        ? Number((await this.dataSource.query('SELECT COUNT(*) AS n FROM mq_outbox'))[0].n)
        : 0;
      const ready = await countRows(this.brokerDataSource, 'delivery');
      const begun = this.app.seen.filter(({ type }) => type === 'delivered').length;
      const ended = this.app.seen.filter(({ type }) => ENDS.has(type)).length;
      return outbox === 0 && ready === 0 && begun === ended;
    });
  }

  /** How many cards there are for each payment. */
  async issued(): Promise<Record<string, number>> {
    const counts: Record<string, number> = {};
    for (const { paymentId } of await this.dataSource.getRepository(CardRow).find()) {
      counts[paymentId] = (counts[paymentId] ?? 0) + 1;
    }
    return counts;
  }

  async remembered(): Promise<string[]> {
    const rows: { biz_id: Buffer }[] = await this.dataSource.query(
      'SELECT biz_id FROM mq_dedup ORDER BY scenario_id, biz_id',
    );
    return rows.map(({ biz_id }) => biz_id.toString());
  }

  /** Why each payment is in the dead letters. */
  async deadLetters(): Promise<Record<string, string>> {
    const letters = await this.app.broker.deadLetters.list();
    return Object.fromEntries(letters.map(({ bizId, reason }) => [bizId, reason]));
  }

  async close(): Promise<void> {
    await this.app.close();
    await this.looking?.destroy();
    await this.business.drop();
    if (this.brokers !== this.business) await this.brokers.drop();
  }
}

async function lookInto({ engine, options }: TestDatabase): Promise<DataSource> {
  const dataSource = withTestStatements(new DataSource({ ...options, entities: [] }));
  if (engine === 'sqlite') makeSqliteSafe(dataSource);
  return dataSource.initialize();
}
