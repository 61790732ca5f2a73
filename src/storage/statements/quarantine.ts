import { BODY } from '../dialect.js';
import { type Connection, read, write } from '../execute.js';
import type { Database } from '../tables.js';

/** Copies of messages that the broker can't tell from repeats: kept, until somebody decides. */

export interface QuarantinedCopy {
  innerMsgId: Buffer;
  bodyHash: Buffer;
  topic: string;
  bizId: Buffer;
  body: Buffer;
  headers: Buffer | null;
  orderingKey?: Buffer | undefined;
  /** Microseconds since 1970 UTC. */
  expiresAt: number | undefined;
}

export interface QuarantinedRow extends QuarantinedCopy {
  id: number;
  reason: string;
  /** How often this very copy has come. */
  copies: number;
  /** Microseconds since 1970 UTC. */
  quarantinedAt: number;
}

/** Counts a copy that is there already. @returns whether it was */
export async function countQuarantinedCopy(
  { tables }: Database,
  on: Connection,
  { innerMsgId, bodyHash }: Pick<QuarantinedCopy, 'innerMsgId' | 'bodyHash'>,
): Promise<boolean> {
  const { affected } = await write(
    on,
    `UPDATE ${tables.quarantine} SET copies = copies + 1 WHERE inner_msg_id = ? AND body_hash = ?`,
    [innerMsgId, bodyHash],
  );
  return affected > 0;
}

/** May fail on a duplicate key when another relay has sent the same copy: then it is there. */
export async function insertQuarantined(
  { dialect, tables }: Database,
  on: Connection,
  copy: QuarantinedCopy,
  reason: string,
): Promise<void> {
  await write(
    on,
    `INSERT INTO ${tables.quarantine} (inner_msg_id, body_hash, topic, biz_id, ${BODY}, headers, ordering_key, expires_at, reason, quarantined_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ${dialect.now})`,
    [
      copy.innerMsgId,
      copy.bodyHash,
      Buffer.from(copy.topic),
      copy.bizId,
      copy.body,
      copy.headers,
      copy.orderingKey ?? null,
      copy.expiresAt ?? null,
      Buffer.from(reason),
    ],
  );
}

/** Newest first, by primary key. */
export async function listQuarantined(
  { tables }: Database,
  on: Connection,
  { before, limit }: { before: number | undefined; limit: number },
): Promise<QuarantinedRow[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT ${COLUMNS} FROM ${tables.quarantine}${before === undefined ? '' : ' WHERE id < ?'} ORDER BY id DESC LIMIT ${limit}`,
    before === undefined ? [] : [before],
  );
  return rows.map(toQuarantined);
}

export async function findQuarantined(
  { tables }: Database,
  on: Connection,
  id: number,
): Promise<QuarantinedRow | undefined> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT ${COLUMNS} FROM ${tables.quarantine} WHERE id = ?`,
    [id],
  );
  return rows.map(toQuarantined)[0];
}

/** @returns whether it was still there: somebody else may have decided */
export async function deleteQuarantined({ tables }: Database, on: Connection, id: number): Promise<boolean> {
  const { affected } = await write(on, `DELETE FROM ${tables.quarantine} WHERE id = ?`, [id]);
  return affected === 1;
}

const COLUMNS = `id, inner_msg_id, body_hash, topic, biz_id, ${BODY}, headers, ordering_key, expires_at, reason, copies, quarantined_at`;

function toQuarantined(row: Record<string, unknown>): QuarantinedRow {
  return {
    id: Number(row.id),
    innerMsgId: row.inner_msg_id as Buffer,
    bodyHash: row.body_hash as Buffer,
    topic: (row.topic as Buffer).toString('utf8'),
    bizId: row.biz_id as Buffer,
    body: row.body as Buffer,
    headers: row.headers as Buffer | null,
    orderingKey: (row.ordering_key as Buffer | null) ?? undefined,
    expiresAt: row.expires_at === null ? undefined : Number(row.expires_at),
    reason: (row.reason as Buffer).toString('utf8'),
    copies: Number(row.copies),
    quarantinedAt: Number(row.quarantined_at),
  };
}
