import { randomBytes } from 'node:crypto';
import type { BrokerService } from '../../../src/broker/index.js';
import { consumeIdempotently } from '../../../src/consumer/consume-idempotently.js';
import type { DiscoveredConsumer } from '../../../src/consumer/consumer.explorer.js';
import { forgetScenario } from '../../../src/consumer/forgetting/forget-scenario.js';
import { Forgetting } from '../../../src/consumer/forgetting/forgetting.js';
import { type Inquiry, inquire } from '../../../src/consumer/forgetting/inquiry.js';
import { ScenarioSources } from '../../../src/consumer/forgetting/scenario-sources.js';
import { HeldDelivery } from '../../../src/consumer/held-delivery.js';
import { CONSUMER_DEFAULTS, type HandlerCaller, Scenarios } from '../../../src/consumer/index.js';
import type { Outcome } from '../../../src/consumer/outcome.js';
import {
  ClockWatch,
  type LibraryConnections,
  insertQuarantined,
  listScenarios,
  write,
} from '../../../src/storage/index.js';
import { localTransport } from '../../../src/transport/local.transport.js';
import type { ClaimedDelivery, SentMessage, Subscription, Transport } from '../../../src/transport/port.js';
import { type BrokerParts, DAY_MS, MINUTE_MS, TOPIC, send } from '../../relay/parts.js';
import { PaymentSucceeded } from '../../support/cards.js';
import { RETENTION } from './reference.js';
import { StandingClock } from './standing-clock.js';

const GROUP = 'cards';
const SCENARIO = 'consumer/5:cards/17:payment.succeeded';
/** Real time in which a claim must be worked off, and time of the schedule in which nobody else gets it. */
export const LEASE_MS = 30 * MINUTE_MS;
const RECORD = { failures: 0, lostLeases: 0, errors: null };

/** All that a schedule writes to. */
const TABLES = [
  ...['message', 'delivery', 'waiting', 'dead_letter', 'quarantine', 'accepted'],
  ...['dedup', 'dedup_kept', 'scenario', 'scenario_source', 'subscription'],
] as const;
/** What is empty when all is over and forgotten. */
const PASSING = ['message', 'delivery', 'waiting', 'dead_letter', 'dedup', 'dedup_kept'];

export interface Consumed {
  outcome: Outcome;
  ran: boolean;
}

/**
 * The library's own landing, claiming, consuming, forgetting and dropping, one step at a time, for one group whose dedup
 * rows are in a database with another clock than the broker's.
 */
export class Library {
  private clock!: StandingClock;
  private own!: LibraryConnections;
  private broker!: BrokerService;
  private transport!: Transport;
  private subscription!: Subscription;
  private scenarios!: Scenarios;
  private sources!: ScenarioSources;
  private forgetting!: Forgetting;
  private losesAck = false;
  private asked: Inquiry | undefined;

  constructor(private readonly parts: BrokerParts) {}

  /** Anew, with nothing of an earlier schedule. @param aheadMs by how much the receiver's clock is ahead of the broker's */
  async begin(aheadMs: number): Promise<void> {
    const { connections } = this.parts;
    await connections.controlTransaction(async (on) => {
      for (const table of TABLES) await write(on, `DELETE FROM ${connections.database.tables[table]}`, []);
    });
    this.clock = new StandingClock();
    this.own = this.clock.of(connections, aheadMs);
    this.asked = undefined;
    await this.start();
  }

  /** All processes: what they knew is gone. */
  async restart(): Promise<void> {
    await this.broker.close();
    await this.start();
  }

  private async start(): Promise<void> {
    const { clock, own, parts } = this;
    const broker = (this.broker = parts.another({}, clock.of(parts.connections)));
    await broker.registerTopics([TOPIC]);
    this.transport = {
      ...localTransport(broker),
      acknowledge: async (held) => !this.losesAck && broker.acknowledge(held),
    };
    this.scenarios = new Scenarios(own);
    this.sources = new ScenarioSources(own, this.transport, this.scenarios);
    this.subscription = await broker.subscribe({ topic: TOPIC, group: GROUP, version: 1 });
    await this.sources.register(SCENARIO, this.subscription);
    this.forgetting = new Forgetting(
      {
        connections: own,
        events: parts.events,
        transport: this.transport,
        retention: RETENTION,
        intervalMs: DAY_MS,
        onError: (error) => {
          throw error;
        },
      },
      new ClockWatch(() => clock.passedMs),
    );
    // It looks at the clock for the first time.
    await this.forget();
  }

  pass(ms: number): void {
    this.clock.pass(ms);
  }

  /** While the clock is wrong by so much. */
  whileOff<T>(byMs: number, work: () => Promise<T>): Promise<T> {
    return this.clock.at(this.clock.shownMs + byMs, work);
  }

  /** What was written a while ago, and is committed now, has the time at which it was written. */
  async publish(sent: SentMessage, agoMs = 0): Promise<void> {
    await this.whileOff(-agoMs, () => send(this.broker, [sent]));
  }

  async claim(limit: number): Promise<ClaimedDelivery[]> {
    const { subscription, transport } = this;
    const lease = () => ({ subscription, leaseMs: LEASE_MS, claimId: randomBytes(16) });
    await transport.poll(subscription, 0);
    const { deliveries, suspects } = await transport.claim({ ...lease(), after: 0, limit });
    const claimed = [...deliveries];
    for (const suspect of suspects) {
      const alone = await transport.claimAlone({ ...lease(), ...suspect });
      if (alone) claimed.push(alone);
    }
    return claimed;
  }

  async consume(claimed: ClaimedDelivery, { losesAck }: { losesAck: boolean }): Promise<Consumed> {
    let ran = false;
    this.losesAck = losesAck;
    const outcome = await consumeIdempotently(
      {
        dataSource: this.parts.dataSource,
        connections: this.own,
        transport: this.transport,
        scenarios: this.scenarios,
        sources: this.sources,
        caller: { call: async () => void (ran = true) } as unknown as HandlerCaller,
        statementTimeoutMs: 15_000,
        onStray: () => undefined,
      },
      CONSUMER,
      new HeldDelivery(claimed),
    );
    this.losesAck = false;
    if (outcome.kind === 'too-old') await this.deadLetter(claimed, 'too-old-to-judge');
    if (outcome.kind === 'done' || outcome.kind === 'absorbed') this.broker.finished(claimed.seq);
    return { outcome, ran };
  }

  async setAside(claimed: ClaimedDelivery, delayMs: number): Promise<void> {
    await this.transport.retryLater(claimed, RECORD, delayMs);
  }

  async deadLetter(claimed: ClaimedDelivery, reason = 'failed'): Promise<void> {
    await this.transport.deadLetter(claimed, RECORD, reason);
  }

  /** Newest first. */
  deadLetters() {
    return this.broker.deadLetters.list();
  }

  async requeue(id: string): Promise<void> {
    await this.broker.deadLetters.requeue(id);
  }

  async purge(which: string | { topic: string }): Promise<void> {
    await this.broker.deadLetters.purge(which);
  }

  /** A copy of which nobody can tell whether it is a repeat. */
  async quarantine(sent: SentMessage): Promise<void> {
    const { connections } = this.parts;
    const { database } = this.clock.of(connections);
    const copy = { ...sent, expiresAt: undefined, bodyHash: randomBytes(16) };
    await connections.control((on) => insertQuarantined(database, on, copy, 'forgotten'));
  }

  /** Newest first. */
  quarantined() {
    return this.broker.quarantine.list();
  }

  async release(id: string): Promise<void> {
    await this.broker.quarantine.release(id);
  }

  async discard(id: string): Promise<void> {
    await this.broker.quarantine.discard(id);
  }

  /** @returns how many rows are gone */
  async forget(): Promise<number> {
    const results = await this.forgetting.forget();
    return results.reduce((sum, { forgotten }) => sum + forgotten, 0);
  }

  /** A sweeper asks what can still come, and then is slow. */
  async ask(): Promise<void> {
    const connections = this.own;
    const [scenario] = await connections.control((on) => listScenarios(connections.database, on));
    const deps = { connections, transport: this.transport };
    const asked = await inquire(deps, scenario!, RETENTION.slackMs);
    this.asked = 'reason' in asked ? undefined : asked;
  }

  /** It goes by what it was told. @returns how many rows are gone */
  async forgetAsAsked(): Promise<number> {
    const { asked } = this;
    this.asked = undefined;
    return asked ? forgetScenario(this.own, asked, RETENTION.dedupMs) : 0;
  }

  /** How many rows there are where none should be when all is over, by table. */
  async left(): Promise<Record<string, number>> {
    await this.broker.close();
    const counts = PASSING.map((table) => `SELECT '${table}' AS name, COUNT(*) AS n FROM mq_${table}`);
    const rows: { name: string; n: number | string }[] = await this.parts.dataSource.query(
      counts.join(' UNION ALL '),
    );
    return Object.fromEntries(rows.map(({ name, n }) => [name, Number(n)]).filter(([, n]) => n !== 0));
  }
}

const CONSUMER = {
  kind: 'idempotent',
  name: 'Cards.issue',
  topic: PaymentSucceeded,
  options: { group: GROUP },
  settings: CONSUMER_DEFAULTS,
  scenario: SCENARIO,
} as unknown as DiscoveredConsumer;
