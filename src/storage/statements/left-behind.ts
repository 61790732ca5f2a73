import { type Connection, read } from '../execute.js';
import type { Database } from '../tables.js';

/** Whether there is anything of a broker, and of an outbox, in this database. Each looks at one row. */
export async function findLeftBehind(
  { tables }: Database,
  on: Connection,
): Promise<{ messages: boolean; outbox: boolean }> {
  const rows = await read<{ messages: number | string; outbox: number | string }>(
    on,
    `SELECT EXISTS (SELECT 1 FROM ${tables.message}) AS messages,
            EXISTS (SELECT 1 FROM ${tables.outbox}) OR EXISTS (SELECT 1 FROM ${tables.outbox_keyed})
              OR EXISTS (SELECT 1 FROM ${tables.outbox_scheduled}) AS outbox`,
    [],
  );
  return { messages: Number(rows[0]?.messages) === 1, outbox: Number(rows[0]?.outbox) === 1 };
}

/** First of what may be sent, first of what is scheduled: how long it has been waiting for a relay. Primary keys. */
export async function findOldestUnsent(
  { dialect, tables }: Database,
  on: Connection,
): Promise<{ innerMsgIds: Buffer[]; now: number; overdue: number | undefined }> {
  // A sum, so that PostgreSQL takes what is missing for a number and not for a text.
  const first = (table: string) =>
    `SELECT * FROM (SELECT inner_msg_id, 0 + NULL AS overdue FROM ${table} WHERE first_sent_at IS NULL ORDER BY seq LIMIT 1) a`;
  const rows = await read<{
    inner_msg_id: Buffer | null;
    overdue: number | string | null;
    now: number | string;
  }>(
    on,
    `SELECT u.inner_msg_id, u.overdue, ${dialect.now} AS now FROM (
       ${first(tables.outbox)} UNION ALL ${first(tables.outbox_keyed)}
       UNION ALL SELECT NULL, ${dialect.now} - MIN(due_at) FROM ${tables.outbox_scheduled}) u`,
    [],
  );
  const overdue = rows.find((row) => row.overdue !== null)?.overdue;
  return {
    innerMsgIds: rows.flatMap(({ inner_msg_id }) => (inner_msg_id ? [inner_msg_id] : [])),
    now: Number(rows[0]?.now),
    overdue: overdue === undefined || overdue === null ? undefined : Number(overdue),
  };
}
