import type { DataSource } from 'typeorm';
import { defineTopic } from '../../../src/index.js';

export const Noted = defineTopic<{ id: string }>({ name: 'noted', bizId: ({ id }) => id });

export const note = (id: string) => ({ id });

/** The biz-ids of the messages that are stored, in the order in which they landed. */
export async function storedBizIds(dataSource: DataSource, prefix = 'mq_'): Promise<string[]> {
  const rows = await dataSource.query<{ biz_id: Buffer }[]>(
    `SELECT biz_id FROM ${prefix}message ORDER BY seq`,
  );
  return rows.map((row) => row.biz_id.toString('utf8'));
}

/** Rows that belong to no stored message, and messages that nobody will ever be handed. */
export async function orphans(dataSource: DataSource): Promise<Record<string, number>> {
  const count = async (sql: string) => Number((await dataSource.query<[{ n: number }]>(sql))[0].n);
  const without = (table: string, other: string) =>
    count(
      `SELECT COUNT(*) AS n FROM mq_${table} a LEFT JOIN mq_${other} b ON b.seq = a.seq WHERE b.seq IS NULL`,
    );
  return {
    deliveries: await without('delivery', 'message'),
    parked: await without('parked', 'message'),
  };
}
