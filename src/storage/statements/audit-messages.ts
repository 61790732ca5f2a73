import { type Connection, isTrue, placeholders, read } from '../execute.js';
import type { Database } from '../tables.js';

/** What an audit asks of messages, and of what is parked. By primary keys, without locks. */

export interface MessageId {
  seq: number;
  innerMsgId: Buffer;
}

export async function listInnerMsgIds(
  { tables }: Database,
  on: Connection,
  { after, limit }: { after: number; limit: number },
): Promise<MessageId[]> {
  const rows = await read<{ seq: number | string; inner_msg_id: Buffer }>(
    on,
    `SELECT seq, inner_msg_id FROM ${tables.message} WHERE seq > ? ORDER BY seq LIMIT ${limit}`,
    [after],
  );
  return rows.map(({ seq, inner_msg_id }) => ({ seq: Number(seq), innerMsgId: inner_msg_id }));
}

/** How many messages there may be, from their numbers: not less than there are. */
export async function boundMessages({ tables }: Database, on: Connection): Promise<number> {
  const rows = await read<{ first: number | string | null; last: number | string | null }>(
    on,
    `SELECT MIN(seq) AS first, MAX(seq) AS last FROM ${tables.message}`,
    [],
  );
  const { first, last } = rows[0]!;
  return last === null ? 0 : Number(last) - Number(first) + 1;
}

/**
 * Those of these messages that share their inner-msg-id with another one of them, and no operator is to thank for it:
 * each copy that was released from the quarantine is a message of its own. Whether there was such a copy is not known for
 * ever of ids below the floor, so those are left out.
 */
export async function findDoubledIds(
  { tables: t }: Database,
  on: Connection,
  seqs: readonly number[],
): Promise<(MessageId & { bizId: Buffer })[]> {
  const those = placeholders(seqs.length);
  const rows = await read<{ seq: number | string; inner_msg_id: Buffer; biz_id: Buffer }>(
    on,
    `SELECT m.seq, m.inner_msg_id, m.biz_id FROM ${t.message} m
     WHERE m.seq IN (${those})
       AND NOT EXISTS (SELECT 1 FROM ${t.accepted_floor} f WHERE m.inner_msg_id <= f.floor)
       AND (SELECT COUNT(*) FROM ${t.message} o WHERE o.seq IN (${those}) AND o.inner_msg_id = m.inner_msg_id)
         > 1 + (SELECT COUNT(*) FROM ${t.quarantine} q WHERE q.inner_msg_id = m.inner_msg_id AND q.decision = ?)
     ORDER BY m.seq`,
    [...seqs, ...seqs, Buffer.from('released')],
  );
  return rows.map(({ seq, inner_msg_id, biz_id }) => ({
    seq: Number(seq),
    innerMsgId: inner_msg_id,
    bizId: biz_id,
  }));
}

export async function findMessagesWithoutTopic(
  { tables: t }: Database,
  on: Connection,
  seqs: readonly number[],
): Promise<{ seq: number; bizId: Buffer; topicId: number }[]> {
  const rows = await read<{ seq: number | string; biz_id: Buffer; topic_id: number | string }>(
    on,
    `SELECT m.seq, m.biz_id, m.topic_id FROM ${t.message} m LEFT JOIN ${t.topic} t ON t.id = m.topic_id
     WHERE m.seq IN (${placeholders(seqs.length)}) AND t.id IS NULL`,
    [...seqs],
  );
  return rows.map(({ seq, biz_id, topic_id }) => ({
    seq: Number(seq),
    bizId: biz_id,
    topicId: Number(topic_id),
  }));
}

export async function readBizIds(
  { tables }: Database,
  on: Connection,
  seqs: readonly number[],
): Promise<Map<number, Buffer>> {
  const rows = await read<{ seq: number | string; biz_id: Buffer }>(
    on,
    `SELECT seq, biz_id FROM ${tables.message} WHERE seq IN (${placeholders(seqs.length)})`,
    [...seqs],
  );
  return new Map(rows.map(({ seq, biz_id }) => [Number(seq), biz_id]));
}

/** The next topic behind this one that has something parked. The end of a range of the primary key is one look-up. */
export async function findNextParkedTopic(
  { tables }: Database,
  on: Connection,
  after: number,
): Promise<number | undefined> {
  const rows = await read<{ id: number | string | null }>(
    on,
    `SELECT MIN(topic_id) AS id FROM ${tables.parked} WHERE topic_id > ?`,
    [after],
  );
  const id = rows[0]?.id;
  return id === null || id === undefined ? undefined : Number(id);
}

export async function listParkedAfter(
  { tables }: Database,
  on: Connection,
  { topicId, after, limit }: { topicId: number; after: number; limit: number },
): Promise<number[]> {
  const rows = await read<{ seq: number | string }>(
    on,
    `SELECT seq FROM ${tables.parked} WHERE topic_id = ? AND seq > ? ORDER BY seq LIMIT ${limit}`,
    [topicId, after],
  );
  return rows.map(({ seq }) => Number(seq));
}

export interface JudgedParked {
  seq: number;
  bizId: Buffer | undefined;
  messageMissing: boolean;
  topicMissing: boolean;
  otherTopic: boolean;
  /** No group has been given it, though one subscribes. */
  passedOver: boolean;
}

/**
 * What holds of what is parked at every moment: whoever parks has seen that there is no group, under the topic's lock, and
 * whoever subscribes takes all that is parked.
 */
export async function judgeParked(
  { tables: t }: Database,
  on: Connection,
  { topicId, seqs }: { topicId: number; seqs: readonly number[] },
): Promise<JudgedParked[]> {
  const rows = await read<Record<string, number | string | Buffer | null>>(
    on,
    `SELECT p.seq, m.biz_id, m.seq IS NULL AS message_missing, t.id IS NULL AS topic_missing,
            m.topic_id <> p.topic_id AS other_topic,
            p.taken = 0 AND EXISTS (SELECT 1 FROM ${t.subscription} s WHERE s.topic_id = p.topic_id AND s.removed = 0) AS passed_over
     FROM ${t.parked} p
     LEFT JOIN ${t.topic} t ON t.id = p.topic_id
     LEFT JOIN ${t.message} m ON m.seq = p.seq
     WHERE p.topic_id = ? AND p.seq IN (${placeholders(seqs.length)})`,
    [topicId, ...seqs],
  );
  return rows.map((row) => ({
    seq: Number(row.seq),
    bizId: (row.biz_id as Buffer | null) ?? undefined,
    messageMissing: isTrue(row.message_missing),
    topicMissing: isTrue(row.topic_missing),
    otherTopic: isTrue(row.other_topic),
    passedOver: isTrue(row.passed_over),
  }));
}
