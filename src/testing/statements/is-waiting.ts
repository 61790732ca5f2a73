import { type Connection, type Database, read } from '../../storage/index.js';

/** Whether anything waits for a time that has not come: a delay, or a backoff. */
export async function isWaiting(
  { dialect, tables }: Database,
  on: Connection,
  tableNames: readonly ('waiting' | 'delivery_keyed' | 'outbox_scheduled')[],
): Promise<boolean> {
  const times = { waiting: 'due_at', delivery_keyed: 'available_at', outbox_scheduled: 'due_at' };
  const each = tableNames.map(
    (name) => `SELECT 1 AS waits FROM ${tables[name]} WHERE ${times[name]} > ${dialect.now}`,
  );
  return (await read(on, `${each.join(' UNION ALL ')} LIMIT 1`, [])).length > 0;
}
