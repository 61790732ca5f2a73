import { createHash } from 'node:crypto';
import type { DataSource } from 'typeorm';
import { GROUP } from './shop.js';

/** How biz-ids come: one behind the other, as those that hold a time or a number do, or anywhere, as hashes and UUIDv4 do. */
export type KeyOrder = 'ordered' | 'random';

const DIGITS = 6;
const CHUNK = 10 ** DIGITS;

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
  const n = `(${Array.from({ length: DIGITS }, (_, i) => `${10 ** i} * d${i}.d`).join(' + ')} + ?)`;
  const from = Array.from({ length: DIGITS }, (_, i) => `digit d${i}`).join(', ');
  const bizId = order === 'ordered' ? `CONCAT('P-', LPAD(${n}, 12, '0'))` : `LEFT(SHA2(${n}, 256), 32)`;
  await dataSource.query('CREATE TABLE IF NOT EXISTS digit (d INT PRIMARY KEY)');
  await dataSource.query('INSERT INTO digit VALUES (0), (1), (2), (3), (4), (5), (6), (7), (8), (9)');
  for (let first = 0; first < rows; first += CHUNK) {
    await dataSource.query(
      `INSERT INTO mq_dedup (scenario_id, biz_id, token, seq, source_id, created_at)
       SELECT ${id}, biz_id, UNHEX(LEFT(SHA2(n, 256), 32)), n + 1, 1, (${noted}) + n FROM (SELECT ${bizId} AS biz_id, ${n} AS n FROM ${from}) AS made
       WHERE n < ? ORDER BY biz_id`,
      [first, first, Math.min(rows, first + CHUNK)],
    );
  }
  await dataSource.query('DROP TABLE digit');
}
