import { type Connection, type Database, insertWaiting, read, write } from '../../storage/index.js';
import type { ClaimedDelivery } from '../../transport/port.js';

/** Whether the delivery is still the broker's to care for. */
export async function isStillThere(
  { tables }: Database,
  on: Connection,
  { subscriptionId, seq }: ClaimedDelivery,
): Promise<boolean> {
  const of = (table: string) =>
    `SELECT 1 AS there FROM ${table} WHERE subscription_id = ${subscriptionId} AND seq = ${seq}`;
  const { delivery, delivery_keyed, waiting, dead_letter } = tables;
  const rows = await read(
    on,
    [delivery, delivery_keyed, waiting, dead_letter].map(of).join(' UNION ALL '),
    [],
  );
  return rows.length > 0;
}

/** The delivery as it was before anybody had claimed it, and its message, if that is gone. */
export async function putBack(database: Database, on: Connection, claimed: ClaimedDelivery): Promise<void> {
  const { dialect, tables } = database;
  const { seq } = claimed;
  const lock = `SELECT seq FROM ${tables.message} WHERE seq = ?${dialect.forUpdate}`;
  if ((await read(on, lock, [seq])).length === 0) await insertMessage(database, on, claimed);
  await insertDelivery(database, on, claimed, seq);
}

/** Another message of the same biz-id and body, for the same group alone. */
export async function putCopy(
  database: Database,
  on: Connection,
  { innerMsgId, claimed }: { innerMsgId: Buffer; claimed: ClaimedDelivery },
): Promise<void> {
  const seq = await insertMessage(database, on, { ...claimed, seq: undefined, innerMsgId });
  await insertDelivery(database, on, claimed, seq);
}

async function insertMessage(
  { dialect, tables }: Database,
  on: Connection,
  message: Omit<ClaimedDelivery, 'seq'> & { seq: number | undefined },
): Promise<number> {
  const { seq, innerMsgId, bizId, body, headers, orderingKey = null, landedAt, subscriptionId } = message;
  const [column, value, given] = seq === undefined ? ['', '', []] : ['seq, ', '?, ', [seq]];
  const insert = `INSERT INTO ${tables.message} (${column}inner_msg_id, topic_id, biz_id, ${dialect.body}, headers, ordering_key, landed_at)
     SELECT ${value}?, topic_id, ?, ?, ?, ?, ? FROM ${tables.subscription} WHERE id = ?`;
  const values = [
    ...given,
    ...[innerMsgId, bizId, body, headers, orderingKey, landedAt.getTime() * 1000, subscriptionId],
  ];
  if (dialect.engine !== 'postgres') return (await write(on, insert, values)).insertId;
  const [inserted] = await read<{ seq: number | string }>(on, `${insert} RETURNING seq`, values);
  return Number(inserted?.seq);
}

/** Not at once where it came from: a worker looks there for what is newer than what it has had. */
async function insertDelivery(
  database: Database,
  on: Connection,
  { subscriptionId, orderingKey }: ClaimedDelivery,
  seq: number,
): Promise<void> {
  if (!orderingKey) {
    const attempt = { failures: 0, lostLeases: 0, errors: null };
    return insertWaiting(database, on, { subscriptionId, seq }, attempt, 0);
  }
  await write(
    on,
    `INSERT INTO ${database.tables.delivery_keyed} (subscription_id, ordering_key, seq) VALUES (?, ?, ?)`,
    [subscriptionId, orderingKey, seq],
  );
}
