import { type Connection, read } from '../execute.js';
import type { Database } from '../tables.js';

/**
 * How old the oldest message is that can still reach this subscription, in microseconds; undefined when there is none.
 * One statement: two would miss a message that moves between tables. Parked messages of the topic are given to a group
 * when it subscribes, so they count only where nobody has taken them; quarantined ones count for every group.
 */
export async function oldestUnfinishedAge(
  { dialect, tables: t }: Database,
  on: Connection,
  subscriptionId: number,
): Promise<number | undefined> {
  const held = (table: string) =>
    `SELECT MIN(m.landed_at) AS at FROM ${table} h JOIN ${t.message} m ON m.seq = h.seq WHERE h.subscription_id = ?`;
  const rows = await read<{ age: number | string | null }>(
    on,
    `SELECT ${dialect.now} - MIN(oldest.at) AS age FROM (
       ${held(t.delivery)} UNION ALL ${held(t.waiting)} UNION ALL ${held(t.dead_letter)}
       UNION ALL SELECT MIN(q.quarantined_at) FROM ${t.quarantine} q
         WHERE q.topic = (SELECT name FROM ${t.topic} WHERE id = (SELECT topic_id FROM ${t.subscription} WHERE id = ?))
     ) oldest`,
    [subscriptionId, subscriptionId, subscriptionId, subscriptionId],
  );
  const age = rows[0]?.age;
  return age === null || age === undefined ? undefined : Number(age);
}
