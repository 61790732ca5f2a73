import { type Connection, read } from '../execute.js';
import type { Database } from '../tables.js';

/**
 * How old the oldest message is that can still reach this subscription, in microseconds; undefined when there is none.
 * One statement: two would miss a message that moves between tables. What is parked, quarantined, or dead because no group
 * took it (subscription 0) counts for every group of the topic: one that was removed and comes back, a release, and a
 * requeue bring it there.
 */
export async function oldestUnfinishedAge(
  { dialect, tables: t }: Database,
  on: Connection,
  subscriptionId: number,
): Promise<number | undefined> {
  const held = (table: string) =>
    `SELECT MIN(m.landed_at) AS at FROM ${table} h JOIN ${t.message} m ON m.seq = h.seq WHERE h.subscription_id = ?`;
  const topic = `(SELECT topic_id FROM ${t.subscription} WHERE id = ?)`;
  const ofTopic = (table: string, whose: string) =>
    `SELECT MIN(m.landed_at) FROM ${table} h JOIN ${t.message} m ON m.seq = h.seq WHERE ${whose} AND m.topic_id = ${topic}`;
  const rows = await read<{ age: number | string | null }>(
    on,
    `SELECT ${dialect.now} - MIN(oldest.at) AS age FROM (
       ${held(t.delivery)} UNION ALL ${held(t.delivery_keyed)} UNION ALL ${held(t.waiting)} UNION ALL ${held(t.dead_letter)}
       UNION ALL ${ofTopic(t.parked, `h.topic_id = ${topic}`)}
       UNION ALL ${ofTopic(t.dead_letter, 'h.subscription_id = 0')}
       UNION ALL SELECT MIN(q.quarantined_at) FROM ${t.quarantine} q
         WHERE q.topic = (SELECT name FROM ${t.topic} WHERE id = ${topic})
     ) oldest`,
    Array<number>(8).fill(subscriptionId),
  );
  const age = rows[0]?.age;
  return age === null || age === undefined ? undefined : Number(age);
}
