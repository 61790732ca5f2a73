import { type Connection, isTrue, placeholders, read } from '../execute.js';
import type { Database } from '../tables.js';
import { type DeliveryKey, placeOfAll } from './delivery-place.js';
import type { DeliveryTable } from './subscribe.js';

/** What an audit asks of rows that say what a group still has to do. Nothing here locks, and each statement reads a batch. */

/** The next ones along (subscription_id, seq), which is a key of each table but `delivery_keyed`. */
export async function listDeliveriesAfter(
  { tables }: Database,
  on: Connection,
  {
    table,
    subscriptionId,
    after,
    limit,
  }: { table: DeliveryTable; subscriptionId: number; after: number; limit: number },
): Promise<DeliveryKey[]> {
  const rows = await read<{ seq: number | string }>(
    on,
    `SELECT seq FROM ${tables[table]} WHERE subscription_id = ? AND seq > ? ORDER BY seq LIMIT ${limit}`,
    [subscriptionId, after],
  );
  return rows.map(({ seq }) => ({ seq: Number(seq) }));
}

/** The next ones of the same ordering key, along the primary key. */
export async function listKeyedOfKey(
  { tables }: Database,
  on: Connection,
  { subscriptionId, after, limit }: { subscriptionId: number; after: Required<DeliveryKey>; limit: number },
): Promise<DeliveryKey[]> {
  const rows = await read<{ seq: number | string }>(
    on,
    `SELECT seq FROM ${tables.delivery_keyed}
     WHERE subscription_id = ? AND ordering_key = ? AND seq > ? ORDER BY seq LIMIT ${limit}`,
    [subscriptionId, after.orderingKey, after.seq],
  );
  return rows.map(({ seq }) => ({ orderingKey: after.orderingKey, seq: Number(seq) }));
}

/** Those of the ordering keys behind this one, along the primary key. */
export async function listKeyedBehindKey(
  { tables }: Database,
  on: Connection,
  { subscriptionId, orderingKey, limit }: { subscriptionId: number; orderingKey: Buffer; limit: number },
): Promise<DeliveryKey[]> {
  const rows = await read<{ seq: number | string; ordering_key: Buffer }>(
    on,
    `SELECT ordering_key, seq FROM ${tables.delivery_keyed}
     WHERE subscription_id = ? AND ordering_key > ? ORDER BY ordering_key, seq LIMIT ${limit}`,
    [subscriptionId, orderingKey],
  );
  return rows.map(({ seq, ordering_key }) => ({ orderingKey: ordering_key, seq: Number(seq) }));
}

export interface JudgedDelivery {
  seq: number;
  bizId: Buffer | undefined;
  /** There is no message of this number. */
  messageMissing: boolean;
  /** Its message is of another topic than its subscription. */
  otherTopic: boolean;
  /** Whether there is an ordering key, and which, it says otherwise than its message. */
  otherLine: boolean;
  /** Tables further down the list in which the same delivery is as well. */
  alsoIn: DeliveryTable[];
  /** An earlier one of its ordering key is under way, and so is it. */
  underWayTwice: boolean;
  /** Its lease is a claim that was made for another subscription. */
  claimOfAnother: boolean;
}

/** In this order a delivery that is in several is told once. */
const BEHIND: Record<DeliveryTable, readonly DeliveryTable[]> = {
  delivery: ['delivery_keyed', 'waiting', 'dead_letter'],
  delivery_keyed: ['waiting', 'dead_letter'],
  waiting: ['dead_letter'],
  dead_letter: [],
};

/**
 * What holds of each delivery at every moment, whatever runs. One statement, since a delivery moves between tables. Those
 * of a subscription that is gone are left out: their messages may be gone, too. By primary keys; of `waiting`, by the
 * unique key.
 */
export async function judgeDeliveries(
  database: Database,
  on: Connection,
  {
    table,
    subscriptionId,
    those,
  }: { table: DeliveryTable; subscriptionId: number; those: readonly DeliveryKey[] },
): Promise<JudgedDelivery[]> {
  const { tables: t } = database;
  const isKeyed = table === 'delivery_keyed';
  const isClaimed = isKeyed || table === 'delivery';
  const place = isKeyed
    ? placeOfAll(database, subscriptionId, those)
    : {
        table: t[table],
        where: `subscription_id = ? AND seq IN (${placeholders(those.length)})`,
        values: [subscriptionId, ...those.map(({ seq }) => seq)],
      };
  const own = `subscription_id, seq${isClaimed ? ', token' : ''}${isKeyed ? ', ordering_key' : ''}`;
  const otherLine: Record<DeliveryTable, string> = {
    delivery: 'm.ordering_key IS NOT NULL',
    waiting: 'm.ordering_key IS NOT NULL',
    delivery_keyed: 'COALESCE(m.ordering_key <> d.ordering_key, m.seq IS NOT NULL)',
    // Of a dead letter its message says to which line it returns.
    dead_letter: '0',
  };
  const isIn = (other: DeliveryTable) =>
    `EXISTS (SELECT 1 FROM ${t[other]} o WHERE o.subscription_id = d.subscription_id AND o.seq = d.seq${other === 'delivery_keyed' ? ' AND o.ordering_key = m.ordering_key' : ''}) AS in_${other}`;
  const underWayTwice = isKeyed
    ? `d.token IS NOT NULL AND EXISTS (SELECT 1 FROM ${t.delivery_keyed} u
         WHERE u.subscription_id = d.subscription_id AND u.ordering_key = d.ordering_key AND u.token IS NOT NULL AND u.seq < d.seq)`
    : '0';
  const claimOfAnother = isClaimed
    ? `EXISTS (SELECT 1 FROM ${t.claim_answer} c WHERE c.claim_id = d.token AND c.subscription_id <> d.subscription_id)`
    : '0';
  const rows = await read<Record<string, number | string | Buffer | null>>(
    on,
    `SELECT d.seq, m.biz_id, m.seq IS NULL AS message_missing, m.topic_id <> s.topic_id AS other_topic,
            ${otherLine[table]} AS other_line, ${underWayTwice} AS under_way_twice, ${claimOfAnother} AS claim_of_another
            ${BEHIND[table].map((other) => `, ${isIn(other)}`).join('')}
     FROM (SELECT ${own} FROM ${place.table} WHERE ${place.where}) d
     JOIN ${t.subscription} s ON s.id = d.subscription_id
     LEFT JOIN ${t.message} m ON m.seq = d.seq`,
    place.values,
  );
  return rows.map((row) => ({
    seq: Number(row.seq),
    bizId: (row.biz_id as Buffer | null) ?? undefined,
    messageMissing: isTrue(row.message_missing),
    otherTopic: isTrue(row.other_topic),
    otherLine: isTrue(row.other_line),
    alsoIn: BEHIND[table].filter((other) => isTrue(row[`in_${other}`])),
    underWayTwice: isTrue(row.under_way_twice),
    claimOfAnother: isTrue(row.claim_of_another),
  }));
}

/** Dead letters of no group: nobody had taken their messages. By primary keys, in one statement. */
export async function judgeUnrouted(
  { tables: t }: Database,
  on: Connection,
  seqs: readonly number[],
): Promise<{ seq: number; bizId: Buffer | undefined; messageMissing: boolean; taken: boolean }[]> {
  const isHeld = (table: string, key = '') =>
    `EXISTS (SELECT 1 FROM ${t.subscription} s JOIN ${table} h ON h.subscription_id = s.id AND h.seq = d.seq${key} WHERE s.topic_id = m.topic_id)`;
  const rows = await read<Record<string, number | string | Buffer | null>>(
    on,
    `SELECT d.seq, m.biz_id, m.seq IS NULL AS message_missing,
            EXISTS (SELECT 1 FROM ${t.parked} p WHERE p.topic_id = m.topic_id AND p.seq = d.seq)
              OR ${isHeld(t.delivery)} OR ${isHeld(t.waiting)} OR ${isHeld(t.dead_letter)}
              OR ${isHeld(t.delivery_keyed, ' AND h.ordering_key = m.ordering_key')} AS taken
     FROM ${t.dead_letter} d LEFT JOIN ${t.message} m ON m.seq = d.seq
     WHERE d.subscription_id = 0 AND d.seq IN (${placeholders(seqs.length)})`,
    [...seqs],
  );
  return rows.map((row) => ({
    seq: Number(row.seq),
    bizId: (row.biz_id as Buffer | null) ?? undefined,
    messageMissing: isTrue(row.message_missing),
    taken: isTrue(row.taken),
  }));
}

/** Those of them whose subscription is gone, or removed: a sweeper deletes them. */
export async function findDeliveriesOfNobody(
  database: Database,
  on: Connection,
  {
    table,
    subscriptionId,
    those,
  }: { table: DeliveryTable; subscriptionId: number; those: readonly DeliveryKey[] },
): Promise<{ seq: number; bizId: Buffer | undefined }[]> {
  const { tables: t } = database;
  const place =
    table === 'delivery_keyed'
      ? placeOfAll(database, subscriptionId, those)
      : {
          table: t[table],
          where: `subscription_id = ? AND seq IN (${placeholders(those.length)})`,
          values: [subscriptionId, ...those.map(({ seq }) => seq)],
        };
  const rows = await read<{ seq: number | string; biz_id: Buffer | null }>(
    on,
    `SELECT d.seq, m.biz_id FROM (SELECT subscription_id, seq FROM ${place.table} WHERE ${place.where}) d
     LEFT JOIN ${t.subscription} s ON s.id = d.subscription_id AND s.removed = 0
     LEFT JOIN ${t.message} m ON m.seq = d.seq
     WHERE s.id IS NULL`,
    place.values,
  );
  return rows.map(({ seq, biz_id }) => ({ seq: Number(seq), bizId: biz_id ?? undefined }));
}

export interface Holder {
  seq: number;
  table: DeliveryTable;
  /** Somebody has it, and the lease has not run out. */
  leased: boolean;
}

/** Which of these messages the subscription still has to do something about, and where. By primary keys, in one statement. */
export async function findHolders(
  { dialect, tables: t }: Database,
  on: Connection,
  { subscriptionId, seqs }: { subscriptionId: number; seqs: readonly number[] },
): Promise<Holder[]> {
  const those = placeholders(seqs.length);
  const leased = `CASE WHEN h.token IS NOT NULL AND h.available_at > ${dialect.now} THEN 1 ELSE 0 END`;
  const inTable = (table: DeliveryTable, isLeased: string) =>
    `SELECT '${table}' AS place, h.seq AS seq, ${isLeased} AS leased FROM ${t[table]} h WHERE h.subscription_id = ? AND h.seq IN (${those})`;
  const rows = await read<{ place: DeliveryTable; seq: number | string; leased: number | string }>(
    on,
    `${inTable('delivery', leased)} UNION ALL ${inTable('waiting', '0')} UNION ALL ${inTable('dead_letter', '0')}
     UNION ALL SELECT 'delivery_keyed', h.seq, ${leased} FROM ${t.message} m
       JOIN ${t.delivery_keyed} h ON h.subscription_id = ? AND h.ordering_key = m.ordering_key AND h.seq = m.seq
       WHERE m.seq IN (${those})`,
    Array.from({ length: 4 }, () => [subscriptionId, ...seqs]).flat(),
  );
  return rows.map(({ place, seq, leased: isLeased }) => ({
    seq: Number(seq),
    table: String(place) as DeliveryTable,
    leased: isTrue(isLeased),
  }));
}
