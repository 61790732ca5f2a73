import { type Connection, microseconds, read } from '../execute.js';
import type { Database } from '../tables.js';

export interface UnfinishedRow {
  bizId: Buffer;
  /** Microseconds since 1970 UTC. */
  landedAt: number;
}

/** Times are in microseconds since 1970 UTC, 0 for one that lies in the future. */
export interface UnfinishedAnswer {
  now: number;
  /** Ready or leased. */
  oldest: number | undefined;
  /** Waiting otherwise, the oldest first. */
  waiting: UnfinishedRow[];
  /** The one behind those. */
  next: number | undefined;
}

/** Whose clock is so far ahead that nobody knows when it landed. Two servers of one cluster differ by less. Microseconds. */
const FUTURE = 60_000_000;

/**
 * What can still reach this subscription. One statement: two would miss a message that moves between tables. What is
 * parked, quarantined, or dead because no group took it (subscription 0) counts for every group of the topic: one that was
 * removed and comes back, a release, and a requeue bring it there. A dead letter that was too old to judge counts for
 * nothing: it never runs, whatever is forgotten.
 *
 * Reads every delivery of the subscription and the message of each, by primary keys and without locks: it is asked
 * every few minutes.
 */
export async function readUnfinished(
  { dialect, tables: t }: Database,
  on: Connection,
  {
    subscriptionId,
    topic,
    slackMs,
    limit,
  }: { subscriptionId: number; topic: string; slackMs: number; limit: number },
): Promise<UnfinishedAnswer> {
  const topicId = `(SELECT id FROM ${t.topic} WHERE name = ?)`;
  const name = Buffer.from(topic);
  const sortable = (at: string) => `CASE WHEN ${at} > ${dialect.now} + ${FUTURE} THEN 0 ELSE ${at} END`;
  const messages = (table: string, whose: string) =>
    `SELECT m.landed_at AS landed_at, m.biz_id AS biz_id FROM ${table} h JOIN ${t.message} m ON m.seq = h.seq WHERE ${whose}`;
  const oldestIn = (table: string) =>
    `SELECT 1, MIN(${sortable('m.landed_at')}), NULL, NULL
       FROM ${table} h JOIN ${t.message} m ON m.seq = h.seq WHERE h.subscription_id = ?`;
  const rows = await read<{
    kind: number | string;
    sorted_at: number | string | null;
    landed_at: number | string | null;
    biz_id: Buffer | null;
  }>(
    on,
    // The columns' types are those of the first part: what is missing in the others has none.
    `SELECT * FROM (
       SELECT 2 AS kind, ${sortable('w.landed_at')} AS sorted_at, w.landed_at AS landed_at, w.biz_id AS biz_id FROM (
         ${messages(t.waiting, 'h.subscription_id = ?')}
         UNION ALL ${messages(t.dead_letter, 'h.subscription_id = ? AND h.reason <> ?')}
         UNION ALL ${messages(t.parked, `h.topic_id = ${topicId}`)}
         UNION ALL ${messages(t.dead_letter, `h.subscription_id = 0 AND m.topic_id = ${topicId}`)}
         UNION ALL SELECT q.quarantined_at, q.biz_id FROM ${t.quarantine} q WHERE q.topic = ? AND q.decision IS NULL
       ) w
       WHERE ${sortable('w.landed_at')} < ${dialect.now} - ?
       ORDER BY 2 LIMIT ${limit + 1}
     ) x
     UNION ALL
     SELECT 0, ${dialect.now}, NULL, NULL
     UNION ALL
     ${oldestIn(t.delivery)}
     UNION ALL
     ${oldestIn(t.delivery_keyed)}`,
    [
      subscriptionId,
      subscriptionId,
      Buffer.from('too-old-to-judge'),
      name,
      name,
      name,
      microseconds(slackMs),
      subscriptionId,
      subscriptionId,
    ],
  );
  const times = (kind: number) => rows.filter((row) => Number(row.kind) === kind && row.sorted_at !== null);
  const waiting = times(2)
    .sort((a, b) => Number(a.sorted_at) - Number(b.sorted_at))
    .map((row) => ({ sortedAt: Number(row.sorted_at), bizId: row.biz_id!, landedAt: Number(row.landed_at) }));
  const [clock] = times(0);
  const [oldest] = times(1).sort((a, b) => Number(a.sorted_at) - Number(b.sorted_at));
  return {
    now: Number(clock!.sorted_at),
    oldest: oldest && Number(oldest.sorted_at),
    waiting: waiting.slice(0, limit).map(({ bizId, landedAt }) => ({ bizId, landedAt })),
    next: waiting[limit]?.sortedAt,
  };
}
