import { type Connection, type Database, read } from '../../storage/index.js';

/** Of what is still to come, as many are named. */
const SHOWN = 20;
/** A delivery that is handed back because another one was in its way comes again within this. Microseconds. */
const HANDED_BACK_US = 250_000;

export async function findInOutbox({ dialect, tables }: Database, on: Connection): Promise<string[]> {
  const sent = (table: string) => `SELECT topic, biz_id, sends FROM ${table}`;
  const rows = await read<{ topic: Buffer; biz_id: Buffer; sends: number | string }>(
    on,
    `${sent(tables.outbox)} UNION ALL ${sent(tables.outbox_keyed)}
     UNION ALL SELECT topic, biz_id, 0 FROM ${tables.outbox_scheduled} WHERE due_at <= ${dialect.now} LIMIT ${SHOWN}`,
    [],
  );
  return rows.map(
    ({ topic, biz_id, sends }) =>
      `in the outbox: ${String(topic)} ${String(biz_id)}${Number(sends) > 0 ? ` (sent ${sends} times)` : ''}`,
  );
}

/**
 * Of groups that are served: what is due, or leased. What waits for a time that has not come is not on its way, nor is what
 * stands behind it in the line of its ordering key.
 */
export async function findInBroker({ dialect, tables }: Database, on: Connection): Promise<string[]> {
  const { now } = dialect;
  const of = (table: string, isLeased: string, condition: string) =>
    `SELECT t.name AS topic, s.group_name, m.biz_id, ${isLeased} AS leased
     FROM ${table} d
     JOIN ${tables.subscription} s ON s.id = d.subscription_id AND s.removed = 0
     JOIN ${tables.topic} t ON t.id = s.topic_id
     LEFT JOIN ${tables.message} m ON m.seq = d.seq
     WHERE NOT EXISTS (SELECT 1 FROM ${tables.paused} p WHERE p.subscription_id = s.id) AND ${condition}`;
  const isLeased = 'CASE WHEN d.token IS NULL THEN 0 ELSE 1 END';
  const soon = `${now} + ${HANDED_BACK_US}`;
  const sets = [
    of(tables.waiting, '0', `d.due_at <= ${now}`),
    of(tables.delivery, isLeased, '1 = 1'),
    of(
      tables.delivery_keyed,
      isLeased,
      `NOT EXISTS (SELECT 1 FROM ${tables.delivery_keyed} f
         WHERE f.subscription_id = d.subscription_id AND f.ordering_key = d.ordering_key AND f.seq <= d.seq
           AND f.token IS NULL AND f.available_at > ${soon})`,
    ),
  ];
  const rows = await read<{ topic: Buffer; group_name: Buffer; biz_id: Buffer | null; leased: number }>(
    on,
    `${sets.join(' UNION ALL ')} LIMIT ${SHOWN}`,
    [],
  );
  return rows.map(
    ({ topic, group_name, biz_id, leased }) =>
      `${Number(leased) ? 'leased to a handler' : 'to be delivered'}: ${String(topic)} ${String(biz_id)} for group ${String(group_name)}`,
  );
}
