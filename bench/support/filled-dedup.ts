import { createHash } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { NUMBER, insertNumbered } from './numbered-rows.js';
import { GROUP } from './shop.js';

/** How biz-ids come: one behind the other, as those that hold a time or a number do, or anywhere, as hashes and UUIDv4 do. */
export type KeyOrder = 'ordered' | 'random';

/** The biz-id number n as a payment's id, the same as {@link fillDedup} makes in SQL. */
export function bizIdOf(order: KeyOrder, n: number): string {
  if (order === 'ordered') return `P-${String(n).padStart(12, '0')}`;
  return createHash('sha256').update(String(n)).digest('hex').slice(0, 32);
}

/** Dedup rows of the card issuing, as if so many payments had had their cards. Each chunk is inserted in the order of its keys. */
export async function fillDedup(
  dataSource: DataSource,
  { rows, order, noted }: { rows: number; order: KeyOrder; noted: string },
): Promise<void> {
  const [{ id }] = await dataSource.query<[{ id: number }]>(
    'SELECT s.id FROM mq_scenario s JOIN mq_scenario_source o ON o.scenario_id = s.id WHERE o.group_name = ?',
    [Buffer.from(GROUP)],
  );
  const bizId =
    order === 'ordered' ? `CONCAT('P-', LPAD(${NUMBER}, 12, '0'))` : `LEFT(SHA2(${NUMBER}, 256), 32)`;
  await insertNumbered(
    dataSource,
    rows,
    `INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, source_id, created_at)
     SELECT ${id}, ${bizId}, UNHEX(LEFT(SHA2(${NUMBER}, 256), 32)), ${NUMBER} + 1, 1, (${noted}) + ${NUMBER}`,
    { orderBy: bizId },
  );
}
