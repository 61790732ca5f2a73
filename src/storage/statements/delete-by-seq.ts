import { type Connection, placeholders, write } from '../execute.js';
import type { Database } from '../tables.js';

/** Whose rows they are. */
export interface SeqOwner {
  column: 'subscription_id' | 'topic_id';
  id: number;
}

/**
 * Deletes the rows of these numbers, and looks at no others. With `IN (…)` MySQL and MariaDB scan a short table from end
 * to end, and wait there for the uncommitted rows of whoever is publishing: a join from a list that names the whole key
 * looks each row up.
 *
 * @returns how many were still there
 */
export async function deleteBySeq(
  { dialect }: Database,
  on: Connection,
  table: string,
  seqs: readonly number[],
  { owner, token }: { owner?: SeqOwner; token?: Buffer } = {},
): Promise<number> {
  const held = token ? [token] : [];
  if (dialect.engine !== 'mysql') {
    const owned = owner ? ` AND ${owner.column} = ?` : '';
    const fence = token ? ' AND token = ?' : '';
    const sql = `DELETE FROM ${table} WHERE seq IN (${placeholders(seqs.length)})${owned}${fence}`;
    return (await write(on, sql, [...seqs, ...(owner ? [owner.id] : []), ...held])).affected;
  }
  const keys = JSON.stringify(seqs.map((seq) => [seq, owner?.id ?? 0]));
  const { affected } = await write(
    on,
    `DELETE d FROM JSON_TABLE(?, '$[*]' COLUMNS (seq BIGINT UNSIGNED PATH '$[0]', owner INT UNSIGNED PATH '$[1]')) k
     STRAIGHT_JOIN ${table} d ON d.seq = k.seq${owner ? ` AND d.${owner.column} = k.owner` : ''}${token ? ' AND d.token = ?' : ''}`,
    [keys, ...held],
  );
  return affected;
}
