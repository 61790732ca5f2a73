import { GROUPS } from '../processes/task.js';
import { PaymentSucceeded } from '../processes/payment.js';
import { Noticed, chargeIn } from './charges.js';
import { NOTICES } from './desk.js';
import { RETENTION_MS } from './times.js';
import type { Publish } from './record.js';
import type { World } from './world.js';

/** What a seed must not find. Each entry says what is wrong. */
export interface Findings {
  lost: string[];
  doubled: string[];
  landedTwice: string[];
  unfounded: string[];
  left: string[];
  disordered: string[];
  /** The tables don't say the same. */
  unbalanced: string[];
  /** What else must never happen. */
  wrong: string[];
}

interface Card {
  readonly paymentId: string;
  readonly group: string;
  readonly message: string;
  readonly at: number;
}

interface Landing {
  readonly paymentId: string;
  readonly message: string;
  readonly account: string;
  readonly topic: string;
  readonly innerMsgId: string;
  readonly at: number;
}

/** Time goes on while a message is on its way. */
const TOLERANCE_MS = 60_000;

/** Knows nothing of the library: what was said by whom, and which rows are there. */
export class Check {
  private readonly found: Findings = {
    lost: [],
    doubled: [],
    landedTwice: [],
    unfounded: [],
    left: [],
    disordered: [],
    unbalanced: [],
    wrong: [],
  };
  private readonly cards: readonly Card[];
  private readonly landings: readonly Landing[];
  private readonly committed: ReadonlySet<string>;

  constructor(
    private readonly world: World,
    private readonly isThrough: boolean,
  ) {
    const { business, broker } = world;
    this.cards = business
      .read<{ payment_id: string; issued_by: string; process: string; at: number }>(
        'SELECT * FROM card ORDER BY id',
      )
      .map(({ payment_id, issued_by, process, at }) => ({
        paymentId: payment_id,
        group: issued_by,
        message: process,
        at,
      }));
    this.landings = broker
      .read<{ topic: string; inner_msg_id: Buffer; body: Buffer; at: number }>(
        `SELECT CAST(t.name AS TEXT) AS topic, l.* FROM landing l JOIN mq_topic t ON t.id = l.topic_id`,
      )
      .map(({ topic, inner_msg_id, body, at }) => ({
        topic,
        innerMsgId: inner_msg_id.toString('hex'),
        ...chargeIn(body),
        at,
      }));
    this.committed = new Set(business.read<{ id: string }>('SELECT id FROM publish').map(({ id }) => id));
  }

  run(): Findings {
    const { record, variant } = this.world;
    this.outcomes();
    this.messages();
    this.effects();
    this.order();
    if (!variant?.consumer) this.balances();
    this.found.wrong.push(...record.wrongs);
    return this.found;
  }

  private outcomes(): void {
    for (const { id, outcome } of this.world.record.publishes) {
      if (outcome === 'acknowledged' && !this.committed.has(id))
        this.found.lost.push(`${id}: acknowledged, and gone`);
      if (outcome === 'failed' && this.committed.has(id))
        this.found.unfounded.push(`${id}: failed, and there`);
    }
  }

  /** One message for each that was published, and one for each inner-msg-id. */
  private messages(): void {
    const ids = countBy(this.landings, ({ innerMsgId }) => innerMsgId);
    for (const [id, count] of ids)
      if (count > 1) this.found.landedTwice.push(`inner-msg-id ${id}: ${count} messages`);
    const landed = countBy(this.landings, ({ topic, message }) => `${topic} ${message}`);
    for (const [message, count] of landed)
      if (count > 1) this.found.landedTwice.push(`${message}: ${count} messages`);
    const published = new Set<string>();
    for (const { id, copies } of this.world.record.publishes) {
      for (let copy = 0; copy < copies; copy++) {
        const message = `${id}#${copy}`;
        if (this.committed.has(id)) published.add(message);
        if (this.isThrough && this.committed.has(id) && !landed.has(`${PaymentSucceeded.name} ${message}`))
          this.found.lost.push(`${message}: it never landed`);
      }
    }
    const printed = new Set(
      this.cards.filter(({ group }) => group === GROUPS[0]).map(({ message }) => message),
    );
    for (const message of printed) {
      if (this.isThrough && !this.world.variant?.consumer && !landed.has(`${Noticed.name} ${message}`))
        this.found.lost.push(`${message}: it had its effect, and what that published never landed`);
    }
    for (const { topic, message } of this.landings) {
      if (topic === Noticed.name && !printed.has(message))
        this.found.unfounded.push(`${message}: it had no effect, and what that published has landed`);
      if (!published.has(message))
        this.found.unfounded.push(`${topic} ${message}: it landed, and nobody had published it`);
    }
  }

  /** One for each biz-id and group; a second one only where its message landed when the first could be forgotten. */
  private effects(): void {
    for (const group of GROUPS) this.effectsOf(group, PaymentSucceeded.name);
    if (!this.world.variant?.consumer) this.effectsOf(NOTICES, Noticed.name);
  }

  private effectsOf(group: string, topic: string): void {
    const subscribedAt = this.world.record.subscribedAt.get(group) ?? Infinity;
    const landed = this.landings.filter((landing) => landing.topic === topic);
    const expected = new Set(landed.filter(({ at }) => at > subscribedAt).map(({ paymentId }) => paymentId));
    const possible = new Set(landed.map(({ paymentId }) => paymentId));
    const cards = groupBy(
      this.cards.filter((card) => card.group === group),
      ({ paymentId }) => paymentId,
    );
    for (const bizId of expected) {
      if (this.isThrough && !cards.has(bizId)) this.found.lost.push(`${bizId}: no card of ${group}`);
    }
    for (const [bizId, ofPayment] of cards) {
      if (!possible.has(bizId))
        this.found.unfounded.push(`${bizId}: a card of ${group}, and nobody had published it`);
      for (const [i, card] of ofPayment.entries()) {
        const former = ofPayment.slice(0, i).find(({ at }) => this.landedAt(card) < at + this.rememberedMs);
        if (former)
          this.found.doubled.push(
            `${bizId}: another card of ${group}, by ${card.message} after ${former.message}`,
          );
      }
    }
  }

  private get rememberedMs(): number {
    return RETENTION_MS - TOLERANCE_MS - 2 * this.world.simulation.faults.mostOffMs;
  }

  private landedAt({ group, message }: Card): number {
    const topic = group === NOTICES ? Noticed.name : PaymentSucceeded.name;
    const found = this.landings.find((landing) => landing.topic === topic && landing.message === message);
    return found?.at ?? 0;
  }

  /** Of two publishes with one key the first one's effect comes first, if the second began when the first was acknowledged. */
  private order(): void {
    const excused = this.excused();
    for (const group of GROUPS) {
      const first = new Map<string, number>();
      for (const [i, { group: of, message }] of this.cards.entries()) if (of === group) first.set(message, i);
      const done = this.world.record.publishes.flatMap((publish) =>
        messagesOf(publish).flatMap((message) => {
          const place = first.get(message);
          return place === undefined || publish.key === undefined ? [] : [{ publish, message, place }];
        }),
      );
      for (const one of done) {
        for (const other of done) {
          const isPromised =
            one.publish.key === other.publish.key && one.publish.acknowledgedAt < other.publish.beganAt;
          if (!isPromised || one.place < other.place || excused.has(one.message)) continue;
          this.found.disordered.push(`${other.message} before ${one.message} in ${group}`);
        }
      }
    }
  }

  /** A dead letter, or what was in quarantine, is overtaken. */
  private excused(): Set<string> {
    const dead = this.world.broker.read<{ body: Buffer }>(
      'SELECT l.body FROM death d JOIN landing l ON l.seq = d.seq',
    );
    const died = dead.map(({ body }) => chargeIn(body).message);
    return new Set([...died, ...this.world.record.setAside]);
  }

  /** By key: one too many here and one too few there would be as many. */
  private balances(): void {
    const { business } = this.world;
    const accounts = new Map(this.landings.map(({ message, account }) => [message, account]));
    const balances = business.read<{ issued_by: string; account: string; cards: number }>(
      'SELECT * FROM balance',
    );
    this.compare(
      'balance',
      new Map(balances.map(({ issued_by, account, cards }) => [`${account} in ${issued_by}`, cards])),
      countBy(this.cards, ({ message, group }) => `${accounts.get(message) ?? message} in ${group}`),
    );
    const dedups = business.read<{ biz_id: Buffer; group_name: Buffer | null }>(
      `SELECT k.biz_id, s.group_name FROM
         (SELECT biz_id, source_id FROM mq_dedup UNION ALL SELECT biz_id, source_id FROM forgotten) k
       LEFT JOIN mq_scenario_source s ON s.id = k.source_id`,
    );
    this.compare(
      'dedup rows',
      countBy(
        dedups,
        ({ biz_id, group_name }) => `${biz_id.toString()} in ${group_name?.toString() ?? 'no group'}`,
      ),
      countBy(this.cards, ({ paymentId, group }) => `${paymentId} in ${group}`),
    );
  }

  private compare(
    what: string,
    noted: ReadonlyMap<string, number>,
    cards: ReadonlyMap<string, number>,
  ): void {
    for (const key of new Set([...noted.keys(), ...cards.keys()])) {
      const [one, other] = [noted.get(key) ?? 0, cards.get(key) ?? 0];
      if (one !== other) this.found.unbalanced.push(`${key}: ${what} ${one}, cards ${other}`);
    }
  }
}

function messagesOf({ id, copies }: Publish): string[] {
  return Array.from({ length: copies }, (_, copy) => `${id}#${copy}`);
}

function countBy<T>(of: readonly T[], key: (one: T) => string): Map<string, number> {
  return new Map([...groupBy(of, key)].map(([name, ones]) => [name, ones.length]));
}

function groupBy<T>(of: readonly T[], key: (one: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>();
  for (const one of of) {
    const name = key(one);
    const known = groups.get(name);
    if (known) known.push(one);
    else groups.set(name, [one]);
  }
  return groups;
}
