import { type Connection, isTrue, placeholders, read } from '../execute.js';
import type { Database } from '../tables.js';

/** What an audit asks of copies in the quarantine, and of the accepted ids that they were held against. By primary keys. */

export async function listCopiesAfter(
  { tables }: Database,
  on: Connection,
  { after, limit }: { after: number; limit: number },
): Promise<number[]> {
  const rows = await read<{ id: number | string }>(
    on,
    `SELECT id FROM ${tables.quarantine} WHERE id > ? ORDER BY id LIMIT ${limit}`,
    [after],
  );
  return rows.map(({ id }) => Number(id));
}

export interface JudgedCopy {
  id: number;
  bizId: Buffer;
  innerMsgId: Buffer;
  /** It is here for its other body, and no message was accepted under its id, though that is not forgotten yet. */
  acceptedMissing: boolean;
  /** It is here for its other body, and its body is the one that was accepted. */
  sameBody: boolean;
  /** It is here because its id is forgotten, and it is not: the floor has fallen, or the id is accepted. */
  notForgotten: boolean;
  /** When it was decided about, and what, don't fit together. */
  halfDecided: boolean;
}

/** One statement: the floor rises, and what is below it is forgotten. */
export async function judgeCopies(
  { tables: t }: Database,
  on: Connection,
  ids: readonly number[],
): Promise<JudgedCopy[]> {
  const rows = await read<Record<string, number | string | Buffer | null>>(
    on,
    `SELECT q.id, q.biz_id, q.inner_msg_id, q.reason, a.inner_msg_id IS NOT NULL AS accepted,
            a.body_hash = q.body_hash AS same_body, q.inner_msg_id <= f.floor AS below,
            (q.decision IS NULL) <> (q.decided_at IS NULL) AS half_decided
     FROM ${t.quarantine} q
     LEFT JOIN ${t.accepted} a ON a.inner_msg_id = q.inner_msg_id
     LEFT JOIN ${t.accepted_floor} f ON f.id = 1
     WHERE q.id IN (${placeholders(ids.length)})`,
    [...ids],
  );
  return rows.map((row) => {
    const [accepted, below] = [isTrue(row.accepted), isTrue(row.below)];
    const isOther = String(row.reason) === 'other-body';
    return {
      id: Number(row.id),
      bizId: row.biz_id as Buffer,
      innerMsgId: row.inner_msg_id as Buffer,
      acceptedMissing: isOther && !accepted && !below,
      sameBody: isOther && isTrue(row.same_body),
      notForgotten: String(row.reason) === 'forgotten' && (accepted || !below),
      halfDecided: isTrue(row.half_decided),
    };
  });
}
