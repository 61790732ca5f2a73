import { type Connection, read } from '../execute.js';
import type { Database } from '../tables.js';

/**
 * Where a biz-id is. There is no index on biz-ids but in the dedup log, because every publish would pay for it: so the
 * tables are read part by part, from their latest rows back, and whoever asks says when it is enough. Nothing is locked,
 * and no part is more than a statement reads in some tens of milliseconds. Times are in microseconds since 1970 UTC.
 */

/** Tables that are read part by part, with the number along which they are. */
const NUMBERED = { message: 'seq', outbox: 'seq', outbox_keyed: 'seq', quarantine: 'id' } as const;

export type SearchedTable = keyof typeof NUMBERED;

/** Rows of a table from `first` on, and before `before`. */
export interface TablePart {
  first: number;
  before: number;
}

/** The rows before this number: where they begin, and how many there are. Along the key, and no other column. */
export async function findPart(
  { tables }: Database,
  on: Connection,
  { table, before, rows: most }: { table: SearchedTable; before: number; rows: number },
): Promise<{ first: number; looked: number }> {
  const key = NUMBERED[table];
  const rows = await read<{ first: number | string | null; looked: number | string }>(
    on,
    `SELECT MIN(n) AS first, COUNT(*) AS looked
     FROM (SELECT ${key} AS n FROM ${tables[table]} WHERE ${key} < ? ORDER BY ${key} DESC LIMIT ${most}) p`,
    [before],
  );
  return { first: Number(rows[0]?.first ?? 0), looked: Number(rows[0]?.looked) };
}

export interface FoundMessage {
  seq: number;
  innerMsgId: Buffer;
  orderingKey: Buffer | undefined;
  landedAt: number;
  deliverAt: number | undefined;
  expiresAt: number | undefined;
}

export async function findMessagesIn(
  { tables }: Database,
  on: Connection,
  { first, before }: TablePart,
  { topicId, bizId, limit }: { topicId: number; bizId: Buffer; limit: number },
): Promise<FoundMessage[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT seq, inner_msg_id, ordering_key, landed_at, deliver_at, expires_at FROM ${tables.message}
     WHERE seq >= ? AND seq < ? AND topic_id = ? AND biz_id = ? ORDER BY seq DESC LIMIT ${limit}`,
    [first, before, topicId, bizId],
  );
  return rows.map((row) => ({
    seq: Number(row.seq),
    innerMsgId: row.inner_msg_id as Buffer,
    orderingKey: (row.ordering_key as Buffer | null) ?? undefined,
    landedAt: Number(row.landed_at),
    deliverAt: numberOr(row.deliver_at),
    expiresAt: numberOr(row.expires_at),
  }));
}

export interface FoundInOutbox {
  innerMsgId: Buffer;
  /** What it was before it was replaced by a fresh one. */
  formerId: Buffer | undefined;
  orderingKey: Buffer | undefined;
  expiresAt: number | undefined;
  /** When it may be sent (again); 0: at once. */
  availableAt: number;
  firstSentAt: number | undefined;
  sends: number;
  isScheduled: boolean;
}

interface BizIdOfTopic {
  topic: string;
  bizId: Buffer;
  limit: number;
}

export async function findOutboxIn(
  { tables }: Database,
  on: Connection,
  table: 'outbox' | 'outbox_keyed',
  { first, before }: TablePart,
  { topic, bizId, limit }: BizIdOfTopic,
): Promise<FoundInOutbox[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT inner_msg_id, former_id, ${table === 'outbox_keyed' ? 'ordering_key, ' : ''}expires_at, available_at, first_sent_at, sends
     FROM ${tables[table]} WHERE seq >= ? AND seq < ? AND topic = ? AND biz_id = ? ORDER BY seq DESC LIMIT ${limit}`,
    [first, before, Buffer.from(topic), bizId],
  );
  return rows.map(toFoundInOutbox);
}

/** In one part: the whole schedule is read, as by whoever takes a message back. */
export async function findScheduledInOutbox(
  { tables }: Database,
  on: Connection,
  { topic, bizId, limit }: BizIdOfTopic,
): Promise<FoundInOutbox[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT inner_msg_id, expires_at, due_at AS available_at, first_sent_at FROM ${tables.outbox_scheduled}
     WHERE topic = ? AND biz_id = ? ORDER BY due_at DESC, inner_msg_id DESC LIMIT ${limit}`,
    [Buffer.from(topic), bizId],
  );
  return rows.map((row) => ({ ...toFoundInOutbox(row), isScheduled: true }));
}

function toFoundInOutbox(row: Record<string, unknown>): FoundInOutbox {
  return {
    innerMsgId: row.inner_msg_id as Buffer,
    formerId: (row.former_id as Buffer | null | undefined) ?? undefined,
    orderingKey: (row.ordering_key as Buffer | null | undefined) ?? undefined,
    expiresAt: numberOr(row.expires_at),
    availableAt: Number(row.available_at),
    firstSentAt: numberOr(row.first_sent_at),
    sends: Number(row.sends ?? 0),
    isScheduled: false,
  };
}

export interface FoundInQuarantine {
  id: number;
  innerMsgId: Buffer;
  orderingKey: Buffer | undefined;
  expiresAt: number | undefined;
  reason: string;
  copies: number;
  quarantinedAt: number;
  decision: string | undefined;
  decidedAt: number | undefined;
}

/** Also what an operator has decided about. */
export async function findQuarantinedIn(
  { tables }: Database,
  on: Connection,
  { first, before }: TablePart,
  { topic, bizId, limit }: BizIdOfTopic,
): Promise<FoundInQuarantine[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT id, inner_msg_id, ordering_key, expires_at, reason, copies, quarantined_at, decision, decided_at
     FROM ${tables.quarantine} WHERE id >= ? AND id < ? AND topic = ? AND biz_id = ? ORDER BY id DESC LIMIT ${limit}`,
    [first, before, Buffer.from(topic), bizId],
  );
  return rows.map((row) => ({
    id: Number(row.id),
    innerMsgId: row.inner_msg_id as Buffer,
    orderingKey: (row.ordering_key as Buffer | null) ?? undefined,
    expiresAt: numberOr(row.expires_at),
    reason: String(row.reason as Buffer),
    copies: Number(row.copies),
    quarantinedAt: Number(row.quarantined_at),
    decision: row.decision === null ? undefined : String(row.decision as Buffer),
    decidedAt: numberOr(row.decided_at),
  }));
}

/** What still has to do with a message: in which table of deliveries, of which subscription; or that it is parked. */
export interface MessageHolder {
  place: HolderPlace;
  /** 0 of what no group ever took. */
  subscriptionId: number;
  /** Of a delivery and of what waits: when it is to be had. Of the others: since when it is there. */
  at: number;
  /** Whether that lies ahead. */
  isAhead: boolean;
  isLeased: boolean;
  failures: number;
  lostLeases: number;
  errors: Buffer | null;
  reason: string;
  /** Of what is parked: whether a group has taken it. */
  taken: boolean;
}

/** None, and yet of the type of the others: PostgreSQL joins no bytes to a text, nor to what has no type. */
const NO_BYTES = 'CASE WHEN 1 = 0 THEN d.errors END';

const PLACES = ['delivery', 'keyed', 'waiting', 'dead', 'parked'] as const;
export type HolderPlace = (typeof PLACES)[number];

/**
 * All that still has to do with one message. One statement, because what moves between the tables would be missed by two.
 * By primary keys and the unique key of `waiting`.
 */
export async function findHoldersOf(
  { dialect, tables: t }: Database,
  on: Connection,
  { seq, topicId }: { seq: number; topicId: number },
): Promise<MessageHolder[]> {
  const ofGroup = (
    place: HolderPlace,
    table: string,
    at: string,
    more: { leased?: string; reason?: string },
  ) =>
    `SELECT ${PLACES.indexOf(place)} AS place, d.subscription_id AS owner, d.${at} AS at_time,
            CASE WHEN d.${at} > ${dialect.now} THEN 1 ELSE 0 END AS ahead, ${more.leased ?? '0'} AS leased,
            d.failures AS failures, d.lost_leases AS lost, d.errors AS errors, ${more.reason ?? NO_BYTES} AS reason, 0 AS taken
     FROM ${table}`;
  const subscribed = (table: string) => `${t.subscription} s JOIN ${table} d ON d.subscription_id = s.id`;
  const leased = 'CASE WHEN d.token IS NULL THEN 0 ELSE 1 END';
  const rows = await read<Record<string, number | string | Buffer | null>>(
    on,
    `${ofGroup('delivery', subscribed(t.delivery), 'available_at', { leased })}
       AND d.seq = ? WHERE s.topic_id = ?
     UNION ALL
     ${ofGroup('keyed', `${t.message} m JOIN ${t.subscription} s ON s.topic_id = m.topic_id JOIN ${t.delivery_keyed} d ON d.subscription_id = s.id`, 'available_at', { leased })}
       AND d.ordering_key = m.ordering_key AND d.seq = m.seq WHERE m.seq = ?
     UNION ALL
     ${ofGroup('waiting', subscribed(t.waiting), 'due_at', {})} AND d.seq = ? WHERE s.topic_id = ?
     UNION ALL
     ${ofGroup('dead', subscribed(t.dead_letter), 'dead_at', { reason: 'd.reason' })} AND d.seq = ? WHERE s.topic_id = ?
     UNION ALL
     ${ofGroup('dead', `${t.dead_letter} d`, 'dead_at', { reason: 'd.reason' })} WHERE d.subscription_id = 0 AND d.seq = ?
     UNION ALL
     SELECT ${PLACES.indexOf('parked')}, 0, p.parked_at, 0, 0, 0, 0, NULL, NULL, p.taken FROM ${t.parked} p
     WHERE p.topic_id = ? AND p.seq = ?`,
    [seq, topicId, seq, seq, topicId, seq, topicId, seq, topicId, seq],
  );
  return rows.map((row) => ({
    place: PLACES[Number(row.place)]!,
    subscriptionId: Number(row.owner),
    at: Number(row.at_time),
    isAhead: Number(row.ahead) === 1,
    isLeased: Number(row.leased) === 1,
    failures: Number(row.failures),
    lostLeases: Number(row.lost),
    errors: row.errors as Buffer | null,
    reason: String((row.reason as Buffer | null) ?? ''),
    taken: Number(row.taken) === 1,
  }));
}

/** How many of its ordering key come before it, up to a limit. By primary key. */
export async function countAhead(
  { tables }: Database,
  on: Connection,
  { subscriptionId, orderingKey, seq, limit }: AheadOf,
): Promise<number> {
  const rows = await read<{ n: number | string }>(
    on,
    `SELECT COUNT(*) AS n FROM (
       SELECT seq FROM ${tables.delivery_keyed} WHERE subscription_id = ? AND ordering_key = ? AND seq < ? LIMIT ${limit}) a`,
    [subscriptionId, orderingKey, seq],
  );
  return Number(rows[0]?.n);
}

interface AheadOf {
  subscriptionId: number;
  orderingKey: Buffer;
  seq: number;
  limit: number;
}

/** What the dedup log of a group says about a biz-id. */
export interface Remembered {
  scenario: string;
  /** Milliseconds. */
  retentionMs: number | undefined;
  /** The group whose messages the scenario judges, of that broker. */
  group: string;
  broker: Buffer;
  effect: RememberedEffect | undefined;
}

export interface RememberedEffect {
  at: number;
  /** Of the message that took effect, at its broker; 0: there was none. */
  seq: number;
  /** Where that message came from; undefined: from nowhere, or its row was deleted by hand. */
  source: { topic: string; group: string; broker: Buffer } | undefined;
  /** Its transaction was committed by something else than its own last statement. */
  isTorn: boolean;
}

/** What stands in place of a result until its transaction's last statement: see `insertDedup`. */
const UNFINISHED = Buffer.of(0);

/** For each group of the topic that deduplicates in this database. By the dedup log's primary key. */
export async function findRemembered(
  { tables: t }: Database,
  on: Connection,
  { topic, bizId }: { topic: string; bizId: Buffer },
): Promise<Remembered[]> {
  const rows = await read<Record<string, number | string | Buffer | null>>(
    on,
    `SELECT s.name AS scenario, s.retention_ms, o.group_name, o.broker, k.created_at, k.seq, k.result = ? AS torn,
            f.topic AS from_topic, f.group_name AS from_group, f.broker AS from_broker
     FROM ${t.scenario_source} o JOIN ${t.scenario} s ON s.id = o.scenario_id
     LEFT JOIN ${t.dedup} k ON k.scenario_id = o.scenario_id AND k.biz_id = ?
     LEFT JOIN ${t.scenario_source} f ON f.id = k.source_id
     WHERE o.topic = ? ORDER BY o.id`,
    [UNFINISHED, bizId, Buffer.from(topic)],
  );
  return rows.map((row) => ({
    scenario: String(row.scenario as Buffer),
    retentionMs: numberOr(row.retention_ms),
    group: String(row.group_name as Buffer),
    broker: row.broker as Buffer,
    effect:
      row.created_at === null
        ? undefined
        : {
            at: Number(row.created_at),
            seq: Number(row.seq),
            source:
              row.from_topic === null
                ? undefined
                : {
                    topic: String(row.from_topic as Buffer),
                    group: String(row.from_group as Buffer),
                    broker: row.from_broker as Buffer,
                  },
            isTorn: Number(row.torn ?? 0) === 1,
          },
  }));
}

function numberOr(value: unknown): number | undefined {
  return value === null || value === undefined ? undefined : Number(value);
}
