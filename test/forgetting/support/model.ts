import { randomBytes } from 'node:crypto';
import { HeldDelivery } from '../../../src/consumer/held-delivery.js';
import { consumeIdempotently } from '../../../src/consumer/consume-idempotently.js';
import type { DiscoveredConsumer } from '../../../src/consumer/consumer.explorer.js';
import { forgetScenario } from '../../../src/consumer/forgetting/forget-scenario.js';
import { type Inquiry, type Unanswered, inquire } from '../../../src/consumer/forgetting/inquiry.js';
import { Forgetting } from '../../../src/consumer/forgetting/forgetting.js';
import { ScenarioSources } from '../../../src/consumer/forgetting/scenario-sources.js';
import { CONSUMER_DEFAULTS, type HandlerCaller, Scenarios } from '../../../src/consumer/index.js';
import {
  ClockWatch,
  type LibraryConnections,
  insertQuarantined,
  listScenarios,
} from '../../../src/storage/index.js';
import { localTransport } from '../../../src/transport/local.transport.js';
import type { ClaimedDelivery, Subscription, Transport } from '../../../src/transport/port.js';
import { type BrokerParts, DAY_MS, HOUR_MS, MINUTE_MS, TOPIC, send, sent } from '../../relay/parts.js';
import { PaymentSucceeded } from '../../support/cards.js';
import { letPass } from '../../support/tables.js';
import { withClock } from './with-clock.js';
import type { Seeded } from '../../../campaigns/seeded.js';

const RETENTION = { dedupMs: 10 * DAY_MS, slackMs: DAY_MS, executors: {} };
const SCENARIO = 'consumer/5:cards/17:payment.succeeded';
const BIZ_IDS = ['P-1', 'P-2', 'P-3', 'P-4'];
const RECORD = { failures: 0, lostLeases: 0, errors: null };
/** Real time goes on while the model's stands still. */
const LONGEST_WAIT_MS = 41 * DAY_MS;
const TOLERANCE_MS = 5 * MINUTE_MS;

interface Effect {
  bizId: string;
  atMs: number;
}

/**
 * The library's own landing, claiming, consuming and forgetting, one step at a time, in an order that a seed decides; and
 * beside it a model of what the business was promised, which knows nothing of marks and lists.
 */
export class Model {
  /** What was done, for whoever has to find out why. */
  readonly log: string[] = [];
  readonly wrongs: string[] = [];
  private readonly effects: Effect[] = [];
  private nowMs = 0;
  private subscription!: Subscription;
  private sources!: ScenarioSources;
  private forgetting!: Forgetting;
  private monotonicMs = 0;
  /** Of publishing transactions that are open: what they have written nobody sees. */
  private hidden: { bizId: string; atMs: number }[] = [];
  /** Biz-ids and landing times of those that were open for longer than the slack. */
  private readonly hiddenTooLong = new Set<number>();
  private stale: Inquiry | undefined;
  /** The receiver's database, whose clock is another one than the broker's. */
  private readonly own: LibraryConnections;
  private readonly scenarios: Scenarios;
  private readonly transport: Transport;
  private losesAck = false;
  readonly counts = { effects: 0, absorbed: 0, tooOld: 0, forgotten: 0 };

  constructor(
    private readonly parts: BrokerParts,
    private readonly random: Seeded,
  ) {
    const aheadMs = random.pick([0, 0, 5 * HOUR_MS, -5 * HOUR_MS, -400 * DAY_MS]);
    this.note(`the receiver's clock is ${days(aheadMs)} ahead of the broker's`);
    this.own = withClock(parts.connections, aheadMs);
    this.scenarios = new Scenarios(this.own);
    const local = localTransport(parts.broker);
    this.transport = {
      ...local,
      acknowledge: async (held) => !this.losesAck && local.acknowledge(held),
    };
  }

  async run(steps: number): Promise<void> {
    await this.restart();
    for (let step = 0; step < steps && this.wrongs.length === 0; step++) await this.step();
    await this.comeToRest();
  }

  private async step(): Promise<void> {
    const moves: [number, () => Promise<void>][] = [
      [5, () => this.publish()],
      [2, async () => void this.publishHidden()],
      [2, () => this.reveal()],
      [6, async () => void (await this.deliver())],
      [2, async () => void (await this.deliver({ losesAck: true }))],
      [1, () => this.claimAndDie()],
      [2, () => this.setAside()],
      [3, () => this.kill()],
      [2, () => this.requeue()],
      [1, () => this.purge()],
      [1, () => this.quarantine()],
      [1, () => this.release()],
      [5, () => this.forget()],
      [1, () => this.ask()],
      [1, () => this.forgetStale()],
      [1, () => this.jump()],
      [1, () => this.restart()],
      [4, () => this.advance(this.whole(1, 30) * HOUR_MS)],
      [3, () => this.advance(this.whole(1, 12) * DAY_MS)],
    ];
    const total = moves.reduce((sum, [weight]) => sum + weight, 0);
    let at = this.random.between(0, total);
    for (const [weight, move] of moves) {
      if (at < weight) return move();
      at -= weight;
    }
  }

  /** With nothing left to come, everything is forgotten in the end: or the rule would be safe by forgetting nothing. */
  private async comeToRest(): Promise<void> {
    while (this.hidden.length > 0) await this.reveal();
    await this.sql('DELETE FROM mq_dead_letter');
    await this.sql('DELETE FROM mq_quarantine');
    // By then nothing waits any more, and each lease has run out.
    await this.advance(LONGEST_WAIT_MS);
    while ((await this.deliver()) || (await this.parts.count('delivery')) > 0) await this.advance(HOUR_MS);
    await this.sql('DELETE FROM mq_dead_letter');
    await this.advance(RETENTION.dedupMs + RETENTION.slackMs + HOUR_MS);
    await this.forget();
    const left = await this.parts.count('dedup');
    if (left > 0) this.wrongs.push(`${left} rows are never forgotten`);
  }

  private async publish(bizId = this.random.pick(BIZ_IDS)): Promise<void> {
    this.note(`publish ${bizId}`);
    await send(this.parts.broker, [sent(bizId)]);
  }

  private publishHidden(): void {
    const bizId = this.random.pick(BIZ_IDS);
    this.note(`publish ${bizId} in a transaction that stays open`);
    this.hidden.push({ bizId, atMs: this.nowMs });
  }

  /** It commits: what it has written has the time at which it was written. */
  private async reveal(): Promise<void> {
    const opened = this.hidden.shift();
    if (!opened) return;
    const { bizId, atMs } = opened;
    await send(this.parts.broker, [sent(bizId)]);
    const back = this.nowMs - atMs;
    await this.sql(
      `UPDATE mq_message SET landed_at = landed_at - ${back * 1000} WHERE seq = (SELECT seq FROM (SELECT MAX(seq) AS seq FROM mq_message) m)`,
    );
    const [{ seq }] = await this.sql('SELECT MAX(seq) AS seq FROM mq_message');
    if (back > RETENTION.slackMs - TOLERANCE_MS) this.hiddenTooLong.add(Number(seq));
    this.note(`the transaction with ${bizId} commits, after ${days(back)}`);
  }

  private async claim(limit: number): Promise<ClaimedDelivery[]> {
    const { subscription } = this;
    const request = { subscription, leaseMs: MINUTE_MS };
    await this.transport.poll(subscription, 0);
    const { deliveries, suspects } = await this.transport.claim({
      ...request,
      claimId: randomBytes(16),
      after: 0,
      limit,
    });
    for (const suspect of suspects) {
      const alone = await this.transport.claimAlone({ ...request, claimId: randomBytes(16), ...suspect });
      if (alone) deliveries.push(alone);
    }
    return deliveries;
  }

  private async deliver({ losesAck = false } = {}): Promise<boolean> {
    const claimed = await this.claim(this.whole(1, 3));
    this.losesAck = losesAck;
    for (const delivery of claimed) await this.consume(delivery);
    this.losesAck = false;
    return claimed.length > 0;
  }

  private async consume(claimed: ClaimedDelivery): Promise<void> {
    const held = new HeldDelivery(claimed);
    let ran = false;
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
      held,
    );
    const landedMs = this.nowMs - claimed.ageMs;
    this.note(`${held.bizId}, landed ${days(claimed.ageMs)} ago: ${outcome.kind}${ran ? ', ran' : ''}`);
    if (outcome.kind === 'too-old') {
      this.counts.tooOld++;
      if (!this.hiddenTooLong.has(claimed.seq)) this.wrongs.push(`${held.bizId} could have been judged`);
      await this.transport.deadLetter(claimed, RECORD, 'too-old-to-judge');
    } else if (ran && (outcome.kind === 'done' || outcome.kind === 'ack-lost')) {
      this.judge({ bizId: held.bizId, atMs: this.nowMs }, landedMs);
    } else if (outcome.kind === 'absorbed' || outcome.kind === 'ack-lost') {
      this.counts.absorbed++;
      if (!this.effects.some(({ bizId }) => bizId === held.bizId))
        this.wrongs.push(`${held.bizId} was absorbed without an effect`);
    } else {
      this.wrongs.push(`${held.bizId}: ${outcome.kind} ${String('error' in outcome && outcome.error)}`);
    }
  }

  /** What was promised: a repeat that landed within the retention of an effect has none of its own. */
  private judge(effect: Effect, landedMs: number): void {
    this.counts.effects++;
    const former = this.effects.find(
      ({ bizId, atMs }) => bizId === effect.bizId && landedMs <= atMs + RETENTION.dedupMs - TOLERANCE_MS,
    );
    if (former) {
      this.wrongs.push(
        `${effect.bizId} took effect twice: its repeat landed ${days(landedMs - former.atMs)} after its effect`,
      );
    }
    this.effects.push(effect);
  }

  private async claimAndDie(): Promise<void> {
    const claimed = await this.claim(2);
    this.note(`a process dies with ${claimed.length}`);
  }

  private async setAside(): Promise<void> {
    const [claimed] = await this.claim(1);
    if (!claimed) return;
    const delayMs = this.whole(1, 40) * DAY_MS;
    this.note(`${claimed.bizId.toString()} waits for ${days(delayMs)}`);
    await this.transport.retryLater(claimed, RECORD, delayMs);
  }

  private async kill(): Promise<void> {
    const [claimed] = await this.claim(1);
    if (!claimed) return;
    this.note(`${claimed.bizId.toString()} is dead-lettered`);
    await this.transport.deadLetter(claimed, RECORD, 'failed');
  }

  private async requeue(): Promise<void> {
    const letter = (await this.parts.broker.deadLetters.list())[this.whole(0, 2)];
    if (!letter) return;
    this.note(`requeue ${letter.bizId} (${letter.reason})`);
    await this.parts.broker.deadLetters.requeue(letter);
  }

  private async purge(): Promise<void> {
    const letter = (await this.parts.broker.deadLetters.list())[this.whole(0, 4)];
    if (!letter) return;
    this.note(`purge ${letter.bizId}`);
    await this.parts.broker.deadLetters.purge(letter);
  }

  private async quarantine(): Promise<void> {
    const bizId = this.random.pick(BIZ_IDS);
    this.note(`${bizId} is quarantined`);
    const copy = { ...sent(bizId), expiresAt: undefined, bodyHash: randomBytes(16) };
    const { connections } = this.parts;
    await connections.control((on) => insertQuarantined(connections.database, on, copy, 'forgotten'));
  }

  private async release(): Promise<void> {
    const [copy] = await this.parts.broker.quarantine.list();
    if (!copy) return;
    this.note(`release ${copy.bizId}`);
    await this.parts.broker.quarantine.release(copy.id);
  }

  private async forget(): Promise<void> {
    const results = await this.forgetting.forget();
    const forgotten = results.reduce((sum, result) => sum + result.forgotten, 0);
    this.counts.forgotten += forgotten;
    this.note(`forget: ${forgotten} rows`);
  }

  /** A sweeper that asks, and then is slow. */
  private async ask(): Promise<void> {
    const connections = this.own;
    const [scenario] = await connections.control((on) => listScenarios(connections.database, on));
    const asked: Inquiry | Unanswered = await inquire(
      { connections, transport: this.transport },
      scenario!,
      RETENTION.slackMs,
    );
    this.stale = 'reason' in asked ? undefined : asked;
    this.note('a sweeper asks');
  }

  private async forgetStale(): Promise<void> {
    const { stale } = this;
    this.stale = undefined;
    if (!stale) return;
    const forgotten = await forgetScenario(this.own, stale, RETENTION.dedupMs);
    this.counts.forgotten += forgotten;
    this.note(`the slow sweeper forgets ${forgotten} rows`);
  }

  /** The database's clock is months ahead for a while, which whoever forgets has to notice. */
  private async jump(): Promise<void> {
    const byMs = 100 * DAY_MS;
    this.note('the clock jumps, and back');
    await this.shift(byMs);
    this.monotonicMs -= byMs;
    const results = await this.forgetting.forget();
    if (results.some(({ forgotten }) => forgotten > 0))
      this.wrongs.push('it forgot by a clock that had jumped');
    await this.shift(-byMs);
    this.monotonicMs += byMs;
  }

  private async restart(): Promise<void> {
    const { events, broker } = this.parts;
    const connections = this.own;
    this.subscription = await broker.subscribe({ topic: TOPIC, group: 'cards', version: 1 });
    this.sources = new ScenarioSources(connections, this.transport, this.scenarios);
    await this.sources.register(SCENARIO, this.subscription);
    const watch = new ClockWatch(() => this.monotonicMs + performance.now());
    this.forgetting = new Forgetting(
      {
        connections,
        events,
        transport: this.transport,
        retention: RETENTION,
        intervalMs: DAY_MS,
        onError: (error) => {
          throw error;
        },
      },
      watch,
    );
    // It looks at the clock for the first time.
    await this.forgetting.forget();
    this.note('start');
  }

  private async advance(ms: number): Promise<void> {
    this.note(`${days(ms)} pass`);
    this.nowMs += ms;
    await this.shift(ms);
    if (this.stale) this.stale = earlier(this.stale, ms);
  }

  private shift(ms: number): Promise<void> {
    return letPass(this.parts.dataSource, ms);
  }

  private async sql(statement: string) {
    return this.parts.dataSource.query(statement);
  }

  private whole(least: number, most: number): number {
    return Math.floor(this.random.between(least, most + 1));
  }

  private note(line: string): void {
    this.log.push(`day ${(this.nowMs / DAY_MS).toFixed(1)}: ${line}`);
  }
}

/** What a sweeper knows has become older, too. */
function earlier(inquiry: Inquiry, ms: number): Inquiry {
  const us = ms * 1000;
  return {
    ...inquiry,
    askedAt: inquiry.askedAt - us,
    watermark: { ...inquiry.watermark, at: inquiry.watermark.at - us },
    sources: inquiry.sources.map((source) => ({
      ...source,
      answer: {
        ...source.answer,
        now: source.answer.now - us,
        waiting: source.answer.waiting.map((row) => ({ ...row, landedAt: row.landedAt - us })),
      },
    })),
  };
}

function days(ms: number): string {
  return `${(ms / DAY_MS).toFixed(1)} days`;
}

const CONSUMER = {
  kind: 'idempotent',
  name: 'Cards.issue',
  topic: PaymentSucceeded,
  options: { group: 'cards' },
  settings: CONSUMER_DEFAULTS,
  scenario: SCENARIO,
} as unknown as DiscoveredConsumer;
