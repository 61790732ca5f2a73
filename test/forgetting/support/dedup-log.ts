import { Forgetting, ScenarioSources, Scenarios } from '../../../src/consumer/index.js';
import type { DedupRetention } from '../../../src/consumer/forgetting/forgetting.js';
import { ClockWatch, type LibraryConnections, insertDedup, readClock } from '../../../src/storage/index.js';
import { localTransport } from '../../../src/transport/local.transport.js';
import type { Subscription, Transport } from '../../../src/transport/port.js';
import { type BrokerParts, DAY_MS, TOPIC, openBroker } from '../../relay/parts.js';
import type { TestDatabase } from '../../support/engines.js';

export const SCENARIO = 'consumer/5:cards/17:payment.succeeded';

/** A dedup log without an app around it, so that a test decides about each step. The broker is in the same database. */
export class DedupLog {
  static async open(database: TestDatabase): Promise<DedupLog> {
    const parts = await openBroker(database);
    const log = new DedupLog(parts);
    log.subscription = await log.register('cards', TOPIC, SCENARIO);
    return log;
  }

  subscription!: Subscription;
  readonly broker: Transport;
  private readonly scenarios: Scenarios;

  private constructor(readonly parts: BrokerParts) {
    this.broker = localTransport(parts.broker);
    this.scenarios = new Scenarios(parts.connections);
  }

  async register(
    group: string,
    topic: string,
    scenario: string,
    broker = this.broker,
  ): Promise<Subscription> {
    const subscription = await broker.subscribe({ topic, group, version: 1 });
    await new ScenarioSources(this.parts.connections, broker, this.scenarios).register(
      scenario,
      subscription,
    );
    return subscription;
  }

  /** Took effect so many days ago. */
  async note(bizIds: readonly string[], daysAgo: number, scenario = SCENARIO): Promise<void> {
    const { database } = this.parts.connections;
    const scenarioId = await this.scenarios.idOf(scenario);
    await this.parts.connections.controlTransaction(async (on) => {
      for (const bizId of bizIds) {
        const row = { token: Buffer.alloc(16), seq: 1, sourceId: 1 };
        await insertDedup(database, on, { scenarioId, bizId: Buffer.from(bizId) }, row);
      }
    });
    await this.parts.dataSource.query(
      `UPDATE mq_dedup SET created_at = created_at - ${daysAgo * DAY_MS * 1000}
       WHERE scenario_id = ${scenarioId} AND biz_id IN (${bizIds.map(() => '?').join(', ')})`,
      bizIds.map((bizId) => Buffer.from(bizId)),
    );
  }

  async remembered(): Promise<string[]> {
    const rows: { biz_id: Buffer }[] = await this.parts.dataSource.query('SELECT biz_id FROM mq_dedup');
    return rows.map(({ biz_id }) => biz_id.toString()).sort();
  }

  /** How many days ago the mark is; undefined: there is none. */
  async markDaysAgo(scenario = SCENARIO): Promise<number | undefined> {
    const { database } = this.parts.connections;
    const now = await this.parts.connections.control((on) => readClock(database, on));
    const [{ mark }] = await this.parts.dataSource.query('SELECT mark FROM mq_scenario WHERE name = ?', [
      Buffer.from(scenario),
    ]);
    return mark === null ? undefined : Math.round((now - Number(mark)) / 1000 / DAY_MS);
  }

  /** A process that forgets. */
  sweeper({
    broker = this.broker,
    retention = {},
    connections = this.parts.connections,
    watch = new ClockWatch(),
  }: {
    broker?: Pick<Transport, 'unfinished'>;
    retention?: Partial<DedupRetention>;
    connections?: LibraryConnections;
    watch?: ClockWatch;
  } = {}): Forgetting {
    return new Forgetting(
      {
        connections,
        transport: broker,
        events: this.parts.events,
        retention: { dedupMs: 30 * DAY_MS, slackMs: DAY_MS, executors: {}, ...retention },
        intervalMs: DAY_MS,
        onError: (error) => {
          throw error;
        },
      },
      watch,
    );
  }

  close(): Promise<void> {
    return this.parts.close();
  }
}
