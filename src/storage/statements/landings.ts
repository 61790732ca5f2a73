import { type Connection, read } from '../execute.js';
import type { Database } from '../tables.js';

/** The number of the message that landed last; 0 when there is none any more. The end of the primary key. */
export async function readLastSeq({ tables }: Database, on: Connection): Promise<number> {
  const [row] = await read<{ seq: number | string | null }>(
    on,
    `SELECT MAX(seq) AS seq FROM ${tables.message}`,
    [],
  );
  return Number(row?.seq ?? 0);
}

export interface LandedIn {
  topic: string;
  /** Whether any of them has an ordering key. */
  keyed: boolean;
}

/** In which topics messages have landed behind this one, and the last of them. A range at the end of the primary key. */
export async function findLandedSince(
  { tables }: Database,
  on: Connection,
  after: number,
): Promise<{ last: number; topics: LandedIn[] }> {
  const rows = await read<{ topic: Buffer; keyed: number | string; last: number | string }>(
    on,
    `SELECT t.name AS topic, MAX(CASE WHEN m.ordering_key IS NULL THEN 0 ELSE 1 END) AS keyed, MAX(m.seq) AS last
     FROM ${tables.message} m JOIN ${tables.topic} t ON t.id = m.topic_id
     WHERE m.seq > ? GROUP BY m.topic_id, t.name`,
    [after],
  );
  return {
    last: Math.max(after, ...rows.map(({ last }) => Number(last))),
    topics: rows.map(({ topic, keyed }) => ({ topic: topic.toString(), keyed: Number(keyed) === 1 })),
  };
}
