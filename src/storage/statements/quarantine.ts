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

export type ListedQuarantined = Omit<QuarantinedRow, 'body' | 'headers'>;

/** Whether this very copy is there already, and whether an operator has decided about it. Locked, by the unique key. */
export async function lockQuarantinedCopy(
  { dialect, tables }: Database,
  on: Connection,
  { innerMsgId, bodyHash }: Pick<QuarantinedCopy, 'innerMsgId' | 'bodyHash'>,
): Promise<{ id: number; decided: boolean } | undefined> {
  const rows = await read<{ id: number | string; decision: Buffer | null }>(
    on,
    `SELECT id, decision FROM ${tables.quarantine} WHERE inner_msg_id = ? AND body_hash = ?${dialect.forUpdate}`,
    [innerMsgId, bodyHash],
  );
  return rows.map(({ id, decision }) => ({ id: Number(id), decided: decision !== null }))[0];
}

export async function countQuarantinedCopy({ tables }: Database, on: Connection, id: number): Promise<void> {
  await write(on, `UPDATE ${tables.quarantine} SET copies = copies + 1 WHERE id = ?`, [id]);
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
    `INSERT INTO ${tables.quarantine} (inner_msg_id, body_hash, topic, biz_id, ${dialect.body}, headers, ordering_key, expires_at, reason, quarantined_at)
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

/** Newest first, by primary key, and without their bodies. */
export async function listQuarantined(
  { tables }: Database,
  on: Connection,
  { before, limit }: { before: number | undefined; limit: number },
): Promise<ListedQuarantined[]> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT ${COLUMNS} FROM ${tables.quarantine}
     WHERE decision IS NULL${before === undefined ? '' : ' AND id < ?'} ORDER BY id DESC LIMIT ${limit}`,
    before === undefined ? [] : [before],
  );
  return rows.map(toListed);
}

export async function findQuarantined(
  { dialect, tables }: Database,
  on: Connection,
  id: number,
): Promise<QuarantinedRow | undefined> {
  const rows = await read<Record<string, unknown>>(
    on,
    `SELECT ${COLUMNS}, ${dialect.body}, headers FROM ${tables.quarantine} WHERE id = ? AND decision IS NULL`,
    [id],
  );
  return rows.map(toQuarantined)[0];
}

/**
 * What an operator has decided. The row stays, without its body: the ACK for the copy may have got lost, and what comes
 * again is no new question.
 *
 * @returns whether it was still to be decided
 */
export async function decideQuarantined(
  { dialect, tables }: Database,
  on: Connection,
  id: number,
  decision: 'released' | 'discarded',
): Promise<boolean> {
  const { affected } = await write(
    on,
    `UPDATE ${tables.quarantine} SET decision = ?, decided_at = ${dialect.now}, ${dialect.body} = ?, headers = NULL
     WHERE id = ? AND decision IS NULL`,
    [Buffer.from(decision), Buffer.alloc(0), id],
  );
  return affected === 1;
}

const COLUMNS =
  'id, inner_msg_id, body_hash, topic, biz_id, ordering_key, expires_at, reason, copies, quarantined_at';

function toQuarantined(row: Record<string, unknown>): QuarantinedRow {
  return { ...toListed(row), body: row.body as Buffer, headers: row.headers as Buffer | null };
}

function toListed(row: Record<string, unknown>): ListedQuarantined {
  return {
    id: Number(row.id),
    innerMsgId: row.inner_msg_id as Buffer,
    bodyHash: row.body_hash as Buffer,
    topic: (row.topic as Buffer).toString('utf8'),
    bizId: row.biz_id as Buffer,
    orderingKey: (row.ordering_key as Buffer | null) ?? undefined,
    expiresAt: row.expires_at === null ? undefined : Number(row.expires_at),
    reason: (row.reason as Buffer).toString('utf8'),
    copies: Number(row.copies),
    quarantinedAt: Number(row.quarantined_at),
  };
}
